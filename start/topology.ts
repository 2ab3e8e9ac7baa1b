// Defines the services of one machine: names, ports, process groups, and the environment of each.
import { fileURLToPath } from 'node:url'
import { SUBGRAPHS, type SubgraphName } from '#platform/subgraph/names.ts'

/** The compile cache of Node, kept from one start to the next. */
export const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/waybill', import.meta.url))

export const SERVICE_NAMES = [...SUBGRAPHS, 'gateway', 'bff-web', 'bff-mobile'] as const
export type ServiceName = (typeof SERVICE_NAMES)[number]

/** Added to PORT_BASE. */
export const PORT_OFFSETS: Readonly<Record<ServiceName, number>> = {
  'bff-web': 0,
  'bff-mobile': 10,
  gateway: 20,
  orders: 101,
  inventory: 102,
  payment: 103,
  shipping: 104,
}

/** Returns which services share a process, by the number of processes. Two fit two cores: domain and edge. */
export function processGroups(processes: number): readonly (readonly ServiceName[])[] {
  const edge: ServiceName[] = ['gateway', 'bff-web', 'bff-mobile']
  if (processes === 1) return [[...SUBGRAPHS, ...edge]]
  if (processes === 2) return [[...SUBGRAPHS], edge]
  return [['orders'], ['inventory', 'payment', 'shipping'], edge]
}

export type Deployment = {
  readonly host: string
  readonly portBase: number
  readonly databaseUrls: Readonly<Record<SubgraphName | 'bus', string>>
  readonly authDirectory: string
  readonly jwks: string
  readonly issuer: string
  readonly audience: string
  readonly secrets: Readonly<Record<'payment' | 'carrier', string>>
  readonly sharedEnv: Readonly<Record<string, string>>
}

export function portOf(deployment: { readonly portBase: number }, service: ServiceName): number {
  return deployment.portBase + PORT_OFFSETS[service]
}

export function urlOf(
  deployment: { readonly host: string; readonly portBase: number },
  service: ServiceName,
): string {
  return `http://${deployment.host}:${portOf(deployment, service)}`
}

/** Returns the environment that `service` would read if its own `main.ts` ran alone. */
export function environmentOf(deployment: Deployment, service: ServiceName): Record<string, string> {
  const common = {
    EVENT_BUS_URL: deployment.databaseUrls.bus,
    ...deployment.sharedEnv,
    NODE_ENV: 'development',
    HOST: deployment.host,
    PORT: String(portOf(deployment, service)),
    AUTH_JWKS_URL: deployment.jwks,
    AUTH_ISSUER: deployment.issuer,
    AUTH_AUDIENCE: deployment.audience,
    AUTH_EMBEDDED_DIR: deployment.authDirectory,
  }
  switch (service) {
    case 'orders':
      return {
        ...common,
        DATABASE_URL: deployment.databaseUrls.orders,
        INVENTORY_URL: `${urlOf(deployment, 'inventory')}/graphql`,
        PAYMENT_URL: `${urlOf(deployment, 'payment')}/graphql`,
        SHIPPING_URL: `${urlOf(deployment, 'shipping')}/graphql`,
      }
    case 'inventory':
      return { ...common, DATABASE_URL: deployment.databaseUrls.inventory }
    case 'payment':
      return {
        ...common,
        DATABASE_URL: deployment.databaseUrls.payment,
        PAYMENT_WEBHOOK_SECRET: deployment.secrets.payment,
      }
    case 'shipping':
      return {
        ...common,
        DATABASE_URL: deployment.databaseUrls.shipping,
        CARRIER_WEBHOOK_SECRET: deployment.secrets.carrier,
      }
    case 'gateway':
      return {
        ...common,
        SUBGRAPH_URLS: SUBGRAPHS.map(name => `${name}=${urlOf(deployment, name)}/graphql`).join(','),
      }
    case 'bff-web':
    case 'bff-mobile':
      return { ...common, GATEWAY_URL: `${urlOf(deployment, 'gateway')}/graphql` }
  }
}
