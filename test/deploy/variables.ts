// Finds the variables that each service reads, by recording what it reads.

import { readBffConfig } from '#bff/config.ts'
import { readGatewayConfig } from '#gateway/config.ts'
import type { ServiceName } from '#start/topology.ts'
import { readInventoryConfig } from '#subgraphs/inventory/config.ts'
import { readOrdersConfig } from '#subgraphs/orders/config.ts'
import { readPaymentConfig } from '#subgraphs/payment/config.ts'
import { readShippingConfig } from '#subgraphs/shipping/config.ts'
import { readText } from '#test/deploy/files.ts'

type Environment = Readonly<Record<string, string | undefined>>

const READERS: Readonly<Record<ServiceName, (env: Environment) => unknown>> = {
  orders: readOrdersConfig,
  inventory: readInventoryConfig,
  payment: readPaymentConfig,
  shipping: readShippingConfig,
  gateway: readGatewayConfig,
  'bff-web': env => readBffConfig('bff-web', env),
  'bff-mobile': env => readBffConfig('bff-mobile', env),
}

/** Checks `env`: throws what the service itself would throw at its start. */
export function checkEnvironment(service: ServiceName, env: Environment): void {
  READERS[service](env)
}

/** Returns the variables read by the service's configuration, and by what runs before it in every service. */
export function variablesOf(service: ServiceName): ReadonlySet<string> {
  const asked = new Set<string>()
  const env = new Proxy<Environment>(
    {},
    {
      get(_, name) {
        if (typeof name === 'string') asked.add(name)
        return undefined
      },
    },
  )
  try {
    READERS[service](env)
  } catch {
    // Nothing is set: only the reads matter.
  }
  const runner = readText('platform/process/run-service.ts')
  for (const [, name = ''] of runner.matchAll(/\benv\.([A-Z_]+)/g)) asked.add(name)
  return asked
}
