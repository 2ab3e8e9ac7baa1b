// Renders the manifests of deploy/kubernetes as Kustomize would, and validates any manifest by its schema.
import { execFileSync } from 'node:child_process'
import { globSync } from 'node:fs'
import path from 'node:path'
import { documentsOf, isMap, overlaid, readText, readYaml } from '#test/deploy/files.ts'
import { ROOT } from '#test/docs/pages.ts'

export const BASE = 'deploy/kubernetes/base'
export const OVERLAYS = globSync('deploy/kubernetes/overlays/*', { cwd: ROOT }).sort()

export type Manifest = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec: unknown
  readonly data?: Readonly<Record<string, string>>
}

type EnvironmentEntry = {
  readonly name: string
  readonly value?: string
  readonly valueFrom?: Readonly<
    Record<'secretKeyRef' | 'configMapKeyRef', { name: string; key: string; optional?: boolean } | undefined>
  >
}

export type Container = {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env: readonly EnvironmentEntry[]
  readonly envFrom: readonly { readonly configMapRef: { readonly name: string } }[]
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>
  readonly securityContext: object
}
type Probe = { readonly httpGet: { readonly path: string; readonly port: string } }

type PodSpec = {
  readonly containers: readonly [Container]
  readonly securityContext: object
  readonly volumes: readonly {
    readonly name: string
    readonly secret?: { readonly secretName: string; readonly items: readonly { readonly key: string }[] }
  }[]
  readonly automountServiceAccountToken: boolean
  readonly enableServiceLinks: boolean
}
export type Deployment = Manifest & {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: { readonly metadata: Manifest['metadata']; readonly spec: PodSpec }
  }
}

type Kustomization = {
  readonly resources: readonly string[]
  readonly patches: readonly { readonly path: string }[]
}

export function kustomizationOf(folder: string): Kustomization {
  return readYaml(path.join(folder, 'kustomization.yaml')) as Kustomization
}

/** Reads the base with the patch for every Deployment applied. Labels and the namespace are left to Kustomize. */
export function readBase(): Manifest[] {
  const { resources, patches } = kustomizationOf(BASE)
  const patch = patches.map(({ path: file }) => readYaml(path.join(BASE, file))).reduce(overlaid)
  return resources
    .flatMap(file => documentsOf(readText(path.join(BASE, file))) as Manifest[])
    .map(manifest => (manifest.kind === 'Deployment' ? patched(manifest, patch) : manifest))
}

/** Applies a strategic merge as far as the patch needs: the one container of both is merged, other lists are joined. */
function patched(manifest: Manifest, patch: unknown): Manifest {
  const merged = overlaid(patch, manifest) as Deployment
  const { spec } = merged.spec.template
  const containers = [spec.containers.reduce((below, above) => overlaid(below, above) as Container)]
  const template = { ...merged.spec.template, spec: { ...spec, containers } }
  return { ...merged, spec: { ...merged.spec, template } } as Manifest
}

/** Returns what `kubectl kustomize` renders from a folder. */
export function render(folder: string): Manifest[] {
  return documentsOf(
    execFileSync('kubectl', ['kustomize', folder], { cwd: ROOT, encoding: 'utf8' }),
  ) as Manifest[]
}

/** The names of the schemas of kubernetes-models, by the manifest's version and kind. */
const GROUPS: Readonly<Record<string, string>> = {
  v1: 'CoreV1',
  'apps/v1': 'AppsV1',
  'autoscaling/v2': 'AutoscalingV2',
  'policy/v1': 'PolicyV1',
  'networking.k8s.io/v1': 'NetworkingV1',
}

type Validate = ((manifest: unknown) => boolean) & { errors?: readonly object[] | null }

/** Returns what the schema rejects in a manifest, and which of its fields the schema does not know. */
export async function problemsOf(manifest: Manifest): Promise<unknown[]> {
  const name = `IoK8sApi${GROUPS[manifest.apiVersion]}${manifest.kind}`
  const schema: { validate: Validate } = await import(
    `../../node_modules/kubernetes-models/_schemas/${name}.js`
  )
  const looked = new Set<string>()
  const valid = schema.validate(watched(manifest, '', looked))
  const strange = fieldsOf(manifest).filter(field => !looked.has(field))
  return [...(valid ? [] : (schema.validate.errors ?? [])), ...strange]
}

/** Detects unknown fields, which the schemas allow: a field that validation never reads is unknown. */
function watched(value: unknown, place: string, looked: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value
  return new Proxy(value, {
    get(target, key) {
      const inner: unknown = Reflect.get(target, key)
      if (typeof key !== 'string' || !Object.hasOwn(target, key)) return inner
      looked.add(`${place}/${key}`)
      return watched(inner, `${place}/${key}`, looked)
    },
  })
}

function fieldsOf(value: unknown, place = ''): string[] {
  if (!isMap(value) && !Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    `${place}/${key}`,
    ...fieldsOf(inner, `${place}/${key}`),
  ])
}
