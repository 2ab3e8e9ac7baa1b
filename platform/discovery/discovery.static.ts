// Discovery without anybody to ask: services are where their URLs say, and nowhere else. Free of I/O.
import { readAddresses } from '#platform/discovery/addresses.ts'
import type { Discovery, Followed, Instance } from '#platform/discovery/discovery.ts'
import { OperatorError } from '#platform/domain/errors.ts'

export function openStaticDiscovery(): Discovery {
  return {
    follow: followStatic,
    announce: async () => ({ async [Symbol.asyncDispose]() {} }),
    health: () => ({ ok: true, detail: 'addresses do not change' }),
    async [Symbol.asyncDispose]() {},
  }
}

function followStatic(text: string): Followed {
  const addresses = readAddresses(text)
  if (addresses === undefined) throw unreadable(text)
  if (addresses.kind === 'instances') return always(addresses.instances)
  throw new OperatorError(
    'CONFIG_INVALID',
    `${text} is looked up by its name, which needs DISCOVERY_URL: set it, or give the addresses themselves`,
  )
}

/** Instances that stay as they are. */
export function always(instances: readonly Instance[]): Followed {
  return { current: () => instances, isFixed: true, known: Promise.resolve(), onChange: () => () => {} }
}

export function unreadable(text: string): OperatorError {
  return new OperatorError(
    'CONFIG_INVALID',
    `"${text}" does not say where a service is: http://… or https://…, several with | between them, or service://NAME/PATH`,
  )
}
