// Starts an inventory service for tests, with a clock that can be advanced.
import { createLogger } from '#platform/telemetry/logger.ts'
import { UNLIMITED_HOLDS } from '#subgraphs/inventory/domain/holds.ts'
import { startInventory } from '#subgraphs/inventory/service.ts'
import { type RunningSubgraph, runSubgraph } from '#test/fixtures/subgraph.ts'

export type Running = RunningSubgraph & { now(): Date; moveOn(ms: number): void }

export async function runInventory(): Promise<Running> {
  const clock = { ahead: 0 }
  const now = () => new Date(Date.now() + clock.ahead)
  const logger = createLogger({ service: 'inventory', level: 'silent' })
  const own = { name: 'inventory', expirySweepMs: 50, holdQuota: UNLIMITED_HOLDS } as const
  const running = await runSubgraph({ ...own, logger, now }, config => startInventory({ ...config, ...own }))
  return {
    ...running,
    now,
    moveOn: ms => {
      clock.ahead += ms
    },
  }
}
