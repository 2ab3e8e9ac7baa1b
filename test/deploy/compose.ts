// Reads the compose files as Docker Compose does: merges overlays and interpolates the variables of .env.
import { isMap, overlaid, readYaml } from '#test/deploy/files.ts'

export const BASE = 'docker-compose.yml'
export const OVERLAYS = {
  trial: 'deploy/compose/trial.yml',
  'own-issuer': 'deploy/compose/own-issuer.yml',
} as const
export type Identity = keyof typeof OVERLAYS

export type ComposeService = {
  readonly image?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly networks?: readonly string[]
  readonly profiles?: readonly string[]
  readonly healthcheck?: object
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>> | readonly string[]
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
}

export type ComposeProject = {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, unknown>>
  readonly networks: Readonly<Record<string, unknown>>
}

/** Reads the project. Throws a file's message about a variable that it requires and `env` lacks. */
export function readProject(identity: Identity, env: Readonly<Record<string, string>>): ComposeProject {
  const project = overlaid(readYaml(BASE), readYaml(OVERLAYS[identity]))
  return interpolated(project, env) as ComposeProject
}

const VARIABLE = /\$\$|\$\{([A-Z_]+)(?:(:-|:\?)([^}]*))?\}/g

/** Interpolates as https://docs.docker.com/reference/compose-file/interpolation/ says, as far as the files use it. */
export function interpolated(value: unknown, env: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string')
    return value.replace(VARIABLE, (found, name?: string, operator?: string, text = '') => {
      if (name === undefined) return found.slice(1)
      if (env[name]) return env[name]
      if (operator === ':?') throw new Error(`${name}: ${text}`)
      return operator === ':-' ? text : ''
    })
  if (Array.isArray(value)) return value.map(item => interpolated(item, env))
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolated(item, env)]))
}

type Demand = { readonly name: string; readonly operator: string; readonly text: string }

/** Returns every interpolation in `text`. */
export function demandsOf(text: string): Demand[] {
  return [...text.matchAll(VARIABLE)].flatMap(([, name, operator = '', said = '']) =>
    name === undefined ? [] : { name, operator, text: said },
  )
}

/** Returns what a service waits for before it starts, with the condition. */
export function waitsFor(service: ComposeService): readonly (readonly [string, string])[] {
  const { depends_on: needs = {} } = service
  if (Array.isArray(needs)) return needs.map(name => [name, 'service_started'] as const)
  return Object.entries(needs).map(([name, { condition }]) => [name, condition] as const)
}
