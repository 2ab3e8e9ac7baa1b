// The port of service discovery: finds the instances of services, and registers this one. Adapters: discovery.*.ts.
import type { Health } from '#platform/resilience/health.ts'

/** An instance that answers at `url`. With twice the weight of another it gets twice as many requests. */
export type Instance = { readonly url: string; readonly weight: number }

/** The instances of a service, kept current. */
export type ServiceInstances = {
  /**
   * Returns the instances known to be healthy. The last known ones stay while there are none, and while the registry cannot be
   * reached: a caller notices one that is gone. Empty before the first response.
   */
  current(): readonly Instance[]
  /** True when the instances never change. */
  readonly isFixed: boolean
  /** Resolves after the first response of the registry, even when it names no instance. */
  readonly resolved: Promise<void>
  /** Returns what removes the listener. */
  onChange(listener: () => void): () => void
}

/** This instance, as others find it in the registry. */
export type Registration = {
  readonly service: string
  readonly host: string
  readonly port: number
  readonly weight: number
}

export type Discovery = AsyncDisposable & {
  /**
   * Watches `addresses`, which is the value of a URL variable (see addresses.ts). Equal values are watched once, until the
   * discovery is disposed of. Throws OperatorError CONFIG_INVALID for an invalid value, or one that needs DISCOVERY_URL.
   */
  watch(addresses: string): ServiceInstances
  /**
   * Registers this instance, which the registry checks by `/health/ready`, and again whenever the registry lost it. Disposing
   * deregisters it. Does nothing where addresses are configured by other means.
   */
  register(presence: Registration): Promise<AsyncDisposable>
  /** Not ok while instances cannot be kept current, or a watched service has none. */
  health(): Health
}
