// Types the dependencies of shipping's commands.
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import type { ShipmentRepository } from '#subgraphs/shipping/domain/aggregate.ts'

export type CommandDependencies = {
  readonly shipments: ShipmentRepository
  readonly carrier: Carrier
  readonly now: () => Date
}
