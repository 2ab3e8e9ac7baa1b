// Parses the value of a URL variable: the addresses of a service's instances, or the service's name.
import { z } from 'zod'
import type { Instance } from '#platform/discovery/discovery.ts'

/** A service to look up by `name`. Its instances answer at `path`, and at `port` where the registry knows none. */
export type NamedService = {
  readonly name: string
  readonly port: number | undefined
  /** The path with its query, such as `/graphql`. */
  readonly path: string
}

type Addresses =
  | { readonly kind: 'instances'; readonly instances: readonly Instance[] }
  | { readonly kind: 'service'; readonly service: NamedService }

const SEPARATOR = '|'
const MAX_INSTANCES = 64
const MAX_WEIGHT = 1_000_000
const WEIGHT = /^#weight=(\d+(?:\.\d+)?)$/

/**
 * Parses `http://a:4101/graphql|http://b:4101/graphql#weight=2` as two instances, of which the second gets twice as much where
 * weights count, and `service://orders/graphql` as a service to look up. Returns undefined for anything else.
 */
export function readAddresses(text: string): Addresses | undefined {
  const parts = text.split(SEPARATOR).map(part => part.trim())
  const [first = ''] = parts
  if (parts.length === 1 && first.startsWith('service:')) return readService(first)
  const instances = parts.flatMap(part => readInstance(part) ?? [])
  const isDistinct = new Set(instances.map(({ url }) => url)).size === parts.length
  return isDistinct && parts.length <= MAX_INSTANCES ? { kind: 'instances', instances } : undefined
}

function readService(text: string): Addresses | undefined {
  if (!URL.canParse(text)) return undefined
  const { hostname, port, pathname, search, hash, username } = new URL(text)
  if (hostname === '' || hash !== '' || username !== '') return undefined
  const service = { name: hostname, port: port === '' ? undefined : Number(port), path: pathname + search }
  return { kind: 'service', service }
}

function readInstance(text: string): Instance | undefined {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const { hash } = new URL(text)
  if (hash === '') return { url: text, weight: 1 }
  const weight = Number(WEIGHT.exec(hash)?.[1])
  return weight > 0 && weight <= MAX_WEIGHT ? { url: text.slice(0, -hash.length), weight } : undefined
}

/** The schema of a variable that holds the address of a service's GraphQL. */
export const graphqlUrl = z
  .string()
  .refine(text => readAddresses(text) !== undefined)
  .describe(
    'the URL of its GraphQL, such as http://…/graphql; several with | between them, or service://NAME/graphql',
  )

/** Returns the address of a service whose variable is not set: its name. */
export function namedUrl(service: string): string {
  return `service://${service}/graphql`
}

/** Returns `variables` with the rule that those of `names` are set, unless DISCOVERY_URL is. */
export function requireAddresses<Shape extends z.ZodRawShape>(
  variables: z.ZodObject<Shape>,
  names: readonly string[],
): z.ZodObject<Shape> {
  return variables.superRefine((env: Readonly<Record<string, unknown>>, { addIssue }) => {
    const isLookedUp = typeof env.DISCOVERY_URL === 'string'
    for (const name of names) {
      const given = env[name]
      const isName = typeof given === 'string' && readAddresses(given)?.kind === 'service'
      const message = isName
        ? 'a name is looked up where DISCOVERY_URL says, which is not set'
        : `should hold ${graphqlUrl.description}; it may be left out where DISCOVERY_URL is set`
      if (!isLookedUp && (given === undefined || isName)) addIssue({ code: 'custom', path: [name], message })
    }
  })
}
