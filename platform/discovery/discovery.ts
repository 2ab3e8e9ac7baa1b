// The port of discovery: where the instances of a service are, and that this one is there too. Adapters: discovery.*.ts.
import type { Health } from '#platform/resilience/health.ts'

/** One that answers at `url`. With twice the weight of another it is to get twice as much. */
export type Instance = { readonly url: string; readonly weight: number }

/** Where a service is, kept current. */
export type ServiceInstances = {
  /**
   * Those that are known to be well. The last ones that were known stay while none are, and while nobody can be asked: who
   * calls one that is gone finds out. None before the first answer.
   */
  current(): readonly Instance[]
  /** Whether that never changes. */
  readonly isFixed: boolean
  /** Resolves once it is known where the service is, or that it is nowhere. */
  readonly resolved: Promise<void>
  /** Returns how to stop listening. */
  onChange(listener: () => void): () => void
}

/** This instance, as others find it. */
export type Registration = {
  readonly service: string
  readonly host: string
  readonly port: number
  readonly weight: number
}

export type Discovery = AsyncDisposable & {
  /**
   * `addresses` as a URL variable holds them (see addresses.ts). Equal texts are followed once, until the discovery is
   * disposed of. Throws OperatorError CONFIG_INVALID when they cannot be read, or need a DISCOVERY_URL that is not set.
   */
  watch(addresses: string): ServiceInstances
  /**
   * Makes this instance known for as long as it is well, by `/health/ready`, and again whenever it was forgotten.
   * Disposing takes it away. Nothing is done where addresses are told by other means.
   */
  register(presence: Registration): Promise<AsyncDisposable>
  /** Whether what is known is current, and whoever is followed is somewhere. */
  health(): Health
}
