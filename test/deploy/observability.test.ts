// Compares the monitoring configuration with the code: targets, metrics and mounts.
import { globSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { PORT_OFFSETS, SERVICE_NAMES } from '#start/topology.ts'
import { BASE, type ComposeService } from '#test/deploy/compose.ts'
import { readText, readYaml } from '#test/deploy/files.ts'
import { ROOT } from '#test/docs/pages.ts'

type Lookup = { readonly names: readonly string[]; readonly type: string; readonly port: number }
type Relabeling = { readonly source_labels: readonly string[]; readonly target_label: string }

const compose = readYaml(BASE) as { services: Record<string, ComposeService> }
const prometheus = readYaml('deploy/prometheus/prometheus.yml') as {
  rule_files: string[]
  scrape_configs: { job_name: string; dns_sd_configs: Lookup[]; relabel_configs: Relabeling[] }[]
}
const dashboard = JSON.parse(readText('deploy/grafana/dashboards/waybill.json')) as {
  panels: { id: number; type: string; title: string; targets?: { expr: string }[] }[]
}

test('Prometheus scrapes every instance of every service at its own port, and names the service', () => {
  const asked = prometheus.scrape_configs.flatMap(({ dns_sd_configs }) => dns_sd_configs)
  const expected = SERVICE_NAMES.map(name => ({ names: [name], type: 'A', port: 4000 + PORT_OFFSETS[name] }))
  const byName = (one: Lookup, other: Lookup) => (String(one.names) < String(other.names) ? -1 : 1)
  expect(asked.toSorted(byName)).toEqual(expected.toSorted(byName))
  for (const { relabel_configs } of prometheus.scrape_configs)
    expect(relabel_configs).toEqual([{ source_labels: ['__meta_dns_name'], target_label: 'service_name' }])
})

test('the dashboard and the alerts use metrics of the services or the reconciler', () => {
  const sources = globSync('{platform,gateway,subgraphs,bff,bff-web,bff-mobile,tools}/**/*.ts', { cwd: ROOT })
  const code = sources.map(readText).join('\n')
  const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n')
  const asked = [...`${shown}\n${readText('deploy/prometheus/alerts.yml')}`.matchAll(/\bwaybill_\w+/g)]
  const names = new Set(asked.map(([name]) => name.replace(/_(bucket|sum|count)$/, '')))
  expect(names.size).toBeGreaterThan(12)
  expect([...names].filter(name => !code.includes(`'${name}'`))).toEqual([])
})

test('each panel has a unique id and title, and a query', () => {
  const { panels } = dashboard
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
  expect(panels.filter(({ type, targets }) => type !== 'row' && !targets?.length)).toEqual([])
})

test('Grafana finds Prometheus, Jaeger and the dashboards where compose mounts them', () => {
  const { datasources } = readYaml('deploy/grafana/provisioning/datasources/datasources.yml') as {
    datasources: { uid: string; url: string }[]
  }
  expect(datasources.map(({ url }) => new URL(url).hostname)).toEqual(['prometheus', 'jaeger'])
  for (const { url } of datasources) expect(Object.keys(compose.services)).toContain(new URL(url).hostname)
  const { providers } = readYaml('deploy/grafana/provisioning/dashboards/dashboards.yml') as {
    providers: { options: { path: string } }[]
  }
  const mounted = compose.services.grafana?.volumes ?? []
  for (const { options } of providers)
    expect(mounted).toContain(`./deploy/grafana/dashboards:${options.path}:ro`)
  const used = new Set([...JSON.stringify(dashboard).matchAll(/"uid":"([a-z]+)"/g)].map(([, uid]) => uid))
  used.delete('waybill')
  expect([...used]).toEqual(['prometheus'])
})

test('Prometheus finds the alerts, and the collector exports traces to Jaeger', () => {
  for (const file of prometheus.rule_files)
    expect(compose.services.prometheus?.volumes).toContain(
      `./${path.join('deploy/prometheus', file)}:/etc/prometheus/${file}:ro`,
    )
  const collector = readYaml('deploy/otel/collector.yaml') as {
    receivers: { otlp: { protocols: { http: { endpoint: string } } } }
    exporters: Record<string, { endpoint: string }>
    service: { pipelines: { traces: Record<'receivers' | 'exporters' | 'processors', string[]> } }
  }
  expect(collector.receivers.otlp.protocols.http.endpoint).toBe('0.0.0.0:4318')
  expect(collector.exporters['otlp/jaeger']?.endpoint.split(':')[0]).toBe('jaeger')
  expect(collector.service.pipelines.traces.exporters).toEqual(Object.keys(collector.exporters))
})
