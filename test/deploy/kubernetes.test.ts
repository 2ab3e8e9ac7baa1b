// Compares deploy/kubernetes with the schemas of Kubernetes and with the code.
import { globSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { API_PATH } from '#bff-web/rest/routes.ts'
import { PORT_OFFSETS, SERVICE_NAMES, type ServiceName } from '#start/topology.ts'
import { PAYMENT_WEBHOOK } from '#subgraphs/payment/commands/webhook.ts'
import { CARRIER_WEBHOOK } from '#subgraphs/shipping/commands/webhook.ts'
import { documentsOf, readText, whyNot } from '#test/deploy/files.ts'
import {
  BASE,
  type Container,
  type Deployment,
  kustomizationOf,
  type Manifest,
  OVERLAYS,
  problemsOf,
  readBase,
  render,
} from '#test/deploy/kubernetes.ts'
import { checkEnvironment, variablesOf } from '#test/deploy/variables.ts'
import { codeWords, ROOT, readPage, sectionOf } from '#test/docs/pages.ts'
import { mainOf } from '#testbed/fleet/service-process.ts'

const base = readBase()
const portOf = (name: ServiceName) => 4000 + PORT_OFFSETS[name]
const byName = (a: Manifest, b: Manifest) =>
  `${a.kind} ${a.metadata.name}` < `${b.kind} ${b.metadata.name}` ? -1 : 1

function ofKind<M extends Manifest>(manifests: readonly Manifest[], kind: string): M[] {
  return manifests.filter(manifest => manifest.kind === kind) as M[]
}

function podOf(manifests: readonly Manifest[], name: ServiceName): Deployment['spec']['template']['spec'] {
  const found = ofKind<Deployment>(manifests, 'Deployment').find(({ metadata }) => metadata.name === name)
  if (!found) throw new Error(`there is no Deployment ${name}`)
  return found.spec.template.spec
}

/** The keys that a secret may hold. */
const SECRETS: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://waybill:secret@db.example.com/orders',
  READ_MODELS_URL: 'mongodb://waybill:secret@mongo.example.com/orders',
  EVENT_BUS_URL: 'kafka://waybill:secret@kafka-1.example.com:9093,kafka-2.example.com:9093/?tls=true',
  WORKFLOW_URL: 'temporal://:secret@temporal.example.com:7233/waybill',
  CACHE_URL: 'rediss://:secret@redis.example.com:6379',
  PAYMENT_WEBHOOK_SECRET: 'sixteen characters or more',
  CARRIER_WEBHOOK_SECRET: 'sixteen characters or more',
}
const CONFIG: Readonly<Record<string, string>> = {
  AUTH_JWKS_URL: 'https://id.example.com/keys',
  AUTH_ISSUER: 'https://id.example.com/',
  AUTH_AUDIENCE: 'waybill',
  PAYMENT_PROVIDER_URL: 'https://payments.example.com',
  CARRIER_URL: 'https://carrier.example.com',
}

/** Returns what the process finds in its environment. `configs` are the ConfigMaps by name. */
function environment(
  { env, envFrom }: Container,
  configs: (name: string) => Readonly<Record<string, string>>,
) {
  const ofConfigs = envFrom.map(({ configMapRef }) => configs(configMapRef.name))
  const own = env.map(({ name, value, valueFrom }) => {
    const { secretKeyRef, configMapKeyRef } = valueFrom ?? {}
    const found =
      value ??
      (secretKeyRef && SECRETS[secretKeyRef.key]) ??
      (configMapKeyRef && configs(configMapKeyRef.name)[configMapKeyRef.key])
    if (found === undefined) throw new Error(`${name} gets no value`)
    return [name, found] as const
  })
  return { ...Object.assign({}, ...ofConfigs), ...Object.fromEntries(own) } as Record<string, string>
}

const ofBase = (name: string) =>
  name === 'waybill'
    ? Object.fromEntries(Object.entries(CONFIG).filter(([variable]) => variable.startsWith('AUTH_')))
    : CONFIG

describe('the base', () => {
  test('consists of exactly the files next to it', () => {
    const { resources, patches } = kustomizationOf(BASE)
    const named = [...resources, ...patches.map(({ path: file }) => file), 'kustomization.yaml']
    expect(named.sort()).toEqual(globSync('*', { cwd: path.join(ROOT, BASE) }).sort())
  })

  test.each(base.map(manifest => [`${manifest.kind} ${manifest.metadata.name}`, manifest] as const))(
    '%s is valid by its schema and has no unknown field',
    async (_, manifest) => {
      expect(await problemsOf(manifest)).toEqual([])
    },
  )

  test('a misspelt field, a missing one and one of a wrong type are detected', async () => {
    const [deployment] = ofKind<Deployment>(base, 'Deployment')
    const { template } = deployment?.spec ?? {}
    expect(
      await problemsOf({ ...deployment, spec: { template, selector: {}, replica: 2 } } as Manifest),
    ).toEqual(['/spec/replica'])
    expect(await problemsOf({ ...deployment, spec: { template } } as Manifest)).not.toEqual([])
    expect(
      await problemsOf({ ...deployment, spec: { template, selector: {}, replicas: 'two' } } as Manifest),
    ).not.toEqual([])
  })

  test('each service, and nothing else, has a Deployment, a Service, an autoscaler and a disruption budget', () => {
    for (const kind of ['Deployment', 'Service', 'HorizontalPodAutoscaler', 'PodDisruptionBudget'])
      expect(
        ofKind(base, kind)
          .map(({ metadata }) => metadata.name)
          .sort(),
        kind,
      ).toEqual([...SERVICE_NAMES].sort())
  })

  test.each(SERVICE_NAMES)(
    '%s runs its own main.ts, on its own port, with variables that it reads and takes',
    name => {
      const [container] = podOf(base, name).containers
      const env = environment(container, ofBase)
      const read = variablesOf(name)
      expect(container.args).toEqual([mainOf(name)])
      expect(container.ports).toEqual([{ name: 'http', containerPort: portOf(name) }])
      expect(env.PORT).toBe(String(portOf(name)))
      expect(Object.keys(env).filter(variable => !read.has(variable))).toEqual([])
      expect(() => checkEnvironment(name, env)).not.toThrow()
    },
  )

  test.each(SERVICE_NAMES)('the resources of %s select its pods', name => {
    const labels = { 'app.kubernetes.io/name': name }
    const named = (kind: string) => ofKind(base, kind).find(({ metadata }) => metadata.name === name)
    expect(named('Deployment')).toMatchObject({
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels } } },
    })
    expect(named('Service')).toMatchObject({
      spec: { selector: labels, ports: [{ name: 'http', port: portOf(name), targetPort: 'http' }] },
    })
    expect(named('PodDisruptionBudget')).toMatchObject({ spec: { selector: { matchLabels: labels } } })
    expect(named('HorizontalPodAutoscaler')).toMatchObject({
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
    })
  })

  test.each(SERVICE_NAMES)('%s has probes, resource limits and no privileges', name => {
    const pod = podOf(base, name)
    const [container] = pod.containers
    for (const probe of [container.startupProbe, container.livenessProbe])
      expect(probe.httpGet).toEqual({ path: '/health/live', port: 'http' })
    expect(container.readinessProbe.httpGet).toEqual({ path: '/health/ready', port: 'http' })
    expect(Object.keys(container.resources.requests)).toEqual(['cpu', 'memory'])
    expect(Object.keys(container.resources.limits)).toContain('memory')
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })

  test('each variable from a secret has its own key there, and tokens are mounted where they are read', () => {
    for (const name of SERVICE_NAMES) {
      const { containers, volumes } = podOf(base, name)
      for (const { name: variable, valueFrom } of containers[0].env) {
        const from = valueFrom?.secretKeyRef ?? valueFrom?.configMapKeyRef
        if (from) expect(from.key, name).toBe(variable)
      }
      const file = containers[0].env.find(({ name: variable }) => variable === 'SERVICE_TOKEN_FILE')?.value
      const mount = containers[0].volumeMounts.find(({ name: volume }) => volume === 'token')
      expect(file, name).toBe(mount && `${mount.mountPath}/token`)
      expect(volumes.find(({ name: volume }) => volume === 'token')?.secret?.secretName).toBe(file && name)
    }
  })

  test('the page on deploying names the secrets and their keys, and no others', () => {
    const page = sectionOf(readPage('docs/how-to/deploy.md'), 'Run it on Kubernetes')
    const told = [...page.matchAll(/^\| (`.*) \| (`.*) \|$/gm)].flatMap(([, secrets = '', keys = '']) =>
      codeWords(secrets).flatMap(secret => codeWords(keys).map(key => `${secret} ${key}`)),
    )
    const used = SERVICE_NAMES.flatMap(name => {
      const { containers, volumes } = podOf(base, name)
      const refs = containers[0].env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? [])
      const mounted = volumes.flatMap(({ secret }) =>
        (secret?.items ?? []).map(({ key }) => `${secret?.secretName} ${key}`),
      )
      return [...refs.map(({ name: secret, key }) => `${secret} ${key}`), ...mounted]
    })
    expect(told.sort()).toEqual([...new Set(used)].sort())
  })

  test('the files contain no secret', () => {
    expect(ofKind(base, 'Secret')).toEqual([])
    for (const file of globSync('deploy/kubernetes/**/*.yaml', { cwd: ROOT }))
      expect(readText(file), file).not.toMatch(/secretGenerator|^kind: Secret/m)
  })
})

type Peer = { podSelector?: Selector }
type Selector = {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; values: string[] }[]
}
type Policy = Manifest & { spec: { podSelector: Selector; ingress?: { from: Peer[] }[] } }

/** Returns the services that a selector by name matches. */
function selected({ matchLabels, matchExpressions }: Selector): string[] {
  const name = matchLabels?.['app.kubernetes.io/name']
  return name ? [name] : (matchExpressions ?? []).flatMap(({ values }) => values)
}

test('network policies admit exactly the services that have its URL', () => {
  const allowed = ofKind<Policy>(base, 'NetworkPolicy').flatMap(({ spec }) =>
    (spec.ingress ?? [])
      .flatMap(({ from }) => from.flatMap(({ podSelector }) => (podSelector ? selected(podSelector) : [])))
      .flatMap(caller => selected(spec.podSelector).map(called => `${caller} -> ${called}`)),
  )
  const called = SERVICE_NAMES.flatMap(name =>
    podOf(base, name).containers[0].env.flatMap(({ value = '' }) =>
      [...value.matchAll(/http:\/\/([a-z-]+):(\d+)\/graphql/g)].map(([, other, port]) => {
        expect(Number(port)).toBe(portOf(other as ServiceName))
        return `${name} -> ${other}`
      }),
    ),
  )
  expect(called.length).toBe(9)
  expect(allowed.sort()).toEqual(called.sort())
  expect(
    ofKind<Policy>(base, 'NetworkPolicy').find(({ metadata }) => metadata.name === 'nobody')?.spec,
  ).toEqual({
    podSelector: {},
    policyTypes: ['Ingress'],
  })
})

type Route = { path: string; backend: { service: { name: string } } }
type Ingress = Manifest & { spec: { rules: { http: { paths: Route[] } }[] } }

test('the ingress exposes the graphs, the REST routes and the webhooks, and nothing else', async () => {
  const [ingress] = documentsOf(readText('deploy/kubernetes/overlays/production/ingress.yaml')) as [Ingress]
  expect(await problemsOf(ingress)).toEqual([])
  const routes = ingress.spec.rules.flatMap(({ http }) =>
    http.paths.map(({ path: at, backend }) => `${at} ${backend.service.name}`),
  )
  expect(routes).toEqual([
    '/graphql bff-web',
    `${path.dirname(API_PATH)} bff-web`,
    '/graphql bff-mobile',
    `${PAYMENT_WEBHOOK} payment`,
    `${CARRIER_WEBHOOK} shipping`,
  ])
})

const noKubectl = whyNot('kubectl', 'kustomize', '--help')

describe.skipIf(noKubectl !== undefined)(
  `kubectl kustomize${noKubectl ? ` (skipped: ${noKubectl})` : ''}`,
  () => {
    test('renders the base as these tests do', () => {
      const rendered = render(BASE)
      expect(rendered.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual(
        base.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(),
      )
      for (const manifest of rendered.sort(byName)) {
        const ours = base.find(
          ({ kind, metadata }) => kind === manifest.kind && metadata.name === manifest.metadata.name,
        )
        if (manifest.kind !== 'Deployment') expect(manifest).toMatchObject({ ...ours })
        else
          expect(sorted(podOf([manifest], manifest.metadata.name as ServiceName))).toEqual(
            sorted(podOf(base, manifest.metadata.name as ServiceName)),
          )
      }
    })

    test.each(OVERLAYS)('%s: manifests are valid, and services accept their variables', async overlay => {
      const rendered = render(overlay)
      for (const manifest of rendered)
        expect(await problemsOf(manifest), `${manifest.kind} ${manifest.metadata.name}`).toEqual([])
      const configs = (name: string) =>
        ofKind(rendered, 'ConfigMap').find(({ metadata }) => metadata.name === name)?.data ?? {}
      for (const name of SERVICE_NAMES) {
        const [container] = podOf(rendered, name).containers
        const env = environment(container, configs)
        expect(
          Object.keys(env).filter(variable => !variablesOf(name).has(variable)),
          name,
        ).toEqual([])
        expect(() => checkEnvironment(name, env), name).not.toThrow()
        expect(env.NODE_ENV, name).toBeUndefined()
        expect(container.image).toBe('registry.example.com/waybill:0.2.0')
      }
    })

    test('production uses real providers', () => {
      const providers = ofKind(render('deploy/kubernetes/overlays/production'), 'ConfigMap').flatMap(
        ({ data }) => Object.entries(data ?? {}).filter(([name]) => name.endsWith('R_URL')),
      )
      expect(providers.map(([name]) => name).sort()).toEqual(['CARRIER_URL', 'PAYMENT_PROVIDER_URL'])
      for (const [name, value] of providers) expect(value, name).toMatch(/^https:/)
    })
  },
)

/** Sorts lists, since a merge may order their parts either way. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, inner]) => [key, sorted(inner)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
