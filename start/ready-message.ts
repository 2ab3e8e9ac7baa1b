// Prints the ready message of a start: the address of each graph, and a query to try.

import { shellVariables } from '#start/local-instance.ts'
import { SEED_CUSTOMERS } from '#start/seed-data.ts'
import type { StartSettings } from '#start/settings.ts'
import { type Deployment, type ServiceName, urlOf } from '#start/topology.ts'

const DESCRIPTIONS: Readonly<Record<ServiceName, string>> = {
  'bff-web': 'web BFF',
  'bff-mobile': 'mobile BFF',
  gateway: 'gateway',
  orders: 'orders subgraph',
  inventory: 'inventory subgraph',
  payment: 'payment subgraph',
  shipping: 'shipping subgraph',
}

export function printReadyMessage(
  deployment: Deployment,
  settings: StartSettings,
  say: (line: string) => void,
): void {
  const rows = Object.entries(DESCRIPTIONS) as [ServiceName, string][]
  say(`\nWaybill is ready, in ${(performance.now() / 1000).toFixed(1)} s\n`)
  for (const [name, description] of rows) say(`  ${description.padEnd(20)}${urlOf(deployment, name)}/graphql`)
  say(`  ${'logs'.padEnd(20)}${settings.dataDir}/logs`)
  say(`
Try it: a customer's orders, newest first

  TOKEN=$(${shellVariables(settings)}npm run --silent token -- --role customer --subject ${SEED_CUSTOMERS[0].id})
  curl -s ${urlOf(deployment, 'bff-web')}/graphql -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \\
    -d '{"query":"{ orders { nodes { number status total { amount currency } lines { quantity title } } } }"}'

Or open ${urlOf(deployment, 'bff-web')}/graphql in a browser. Ctrl-C stops everything; data stays in ${settings.dataDir}.`)
}
