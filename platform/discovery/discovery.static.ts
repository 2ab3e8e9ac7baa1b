// Discovery without a registry: services are at the addresses in their URL variables.
import { readAddresses } from '#platform/discovery/addresses.ts'
import type { Discovery, Instance, ServiceInstances } from '#platform/discovery/discovery.ts'
import { OperatorError } from '#platform/domain/errors.ts'

export function openStaticDiscovery(): Discovery {
  return {
    watch: followStatic,
    register: async () => ({ async [Symbol.asyncDispose]() {} }),
    health: () => ({ ok: true, detail: 'addresses do not change' }),
    async [Symbol.asyncDispose]() {},
  }
}

function followStatic(text: string): ServiceInstances {
  const addresses = readAddresses(text)
  if (addresses === undefined) throw invalidAddresses(text)
  if (addresses.kind === 'instances') return fixedInstances(addresses.instances)
  throw new OperatorError(
    'CONFIG_INVALID',
    `${text} is looked up by its name, which needs DISCOVERY_URL: set it, or give the addresses themselves`,
  )
}

/** Returns instances that never change. */
export function fixedInstances(instances: readonly Instance[]): ServiceInstances {
  return { current: () => instances, isFixed: true, resolved: Promise.resolve(), onChange: () => () => {} }
}

export function invalidAddresses(text: string): OperatorError {
  return new OperatorError(
    'CONFIG_INVALID',
    `"${text}" does not say where a service is: http://… or https://…, several with | between them, or service://NAME/PATH`,
  )
}
