// Carries out a command on a product that joins a family: both streams are written in one append.
import { type Decision, type Refusal, refuse } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { CommandContext, HandledCommand } from '#platform/event-store/aggregate.ts'
import type { Append, AppendResult } from '#platform/event-store/event-store.ts'
import type { CommandDependencies } from '#subgraphs/inventory/commands/dependencies.ts'
import { type FamilyClash, joinFamily, type Member } from '#subgraphs/inventory/domain/family.ts'
import type { FamilyPlace } from '#subgraphs/inventory/domain/product.ts'
import type { Stock, StockEvent } from '#subgraphs/inventory/domain/stock.ts'

/** The family that a product joins, and what sets it apart there. */
export type Joining = Pick<Member, 'options'> & { readonly family: string }

type ProductDecider<R extends Refusal> = (stock: Stock, place?: FamilyPlace) => Decision<StockEvent, R>
type FamilyCommand<R extends Refusal> = {
  readonly sku: string
  readonly joins: Joining
  readonly command: CommandContext
  readonly decide: ProductDecider<R>
}

const ATTEMPTS = 10

/** Marks an append that came too late: another product joined the family meanwhile. */
class FamilyChanged extends Error {}

/**
 * Refuses what the product refuses, or else what the family does. Throws CallerError UNAVAILABLE when others join the
 * family ten times in a row.
 */
export async function handleInFamily<R extends Refusal>(
  dependencies: CommandDependencies,
  wanted: FamilyCommand<R>,
): Promise<HandledCommand<R | FamilyClash, Stock, StockEvent>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await join(dependencies, wanted)
    } catch (error) {
      if (!(error instanceof FamilyChanged)) throw error
    }
  }
  throw new CallerError(
    'UNAVAILABLE',
    `Others joined family ${wanted.joins.family} ${ATTEMPTS} times in a row. Try again.`,
  )
}

async function join<R extends Refusal>(
  { stocks, families, appendAll }: CommandDependencies,
  { sku, joins, command, decide }: FamilyCommand<R>,
): Promise<HandledCommand<R | FamilyClash, Stock, StockEvent>> {
  const { family, options } = joins
  const stage = await families.stage(family)
  let familyPlace = 0
  const joined = stage.decide(state => {
    const known = state.members.findIndex(member => member.sku === sku)
    familyPlace = known < 0 ? state.members.length : known
    return joinFamily(state, { family, sku, options })
  }, command.meta ?? {})
  const append = async (own: Append): Promise<AppendResult> => {
    if (own.writes.length === 0) return appendAll(own)
    const result = await appendAll({ ...own, writes: [...own.writes, stage.write()] })
    stage.settle(result.status === 'appended')
    if (result.status === 'conflict' && result.stream === stage.write().stream) throw new FamilyChanged()
    return result
  }
  return stocks.handle(sku, { ...command, append }, (stock): Decision<StockEvent, R | FamilyClash> => {
    const decided = decide(stock, { family, familyPlace, options })
    return 'accepted' in decided && 'refused' in joined ? refuse(joined.refused) : decided
  })
}
