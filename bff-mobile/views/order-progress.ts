// Derives the stage of an order and the remarks on it from everything that happened to it, by tables.
import type { OrderPartsFragment, OrderStatus } from '#schema/generated/bff-mobile-operations.ts'

/** The facts say what happened to an order. Units are those of all lines; once the order has ended, none are `coming`. */
export type OrderFacts = {
  readonly status: OrderStatus
  readonly awaitingApproval: boolean
  readonly ordered: number
  readonly delivered: number
  readonly lost: number
  readonly returned: number
  /** Units with the carrier. */
  readonly underWay: number
  /** Units under way or still to be sent. */
  readonly coming: number
  readonly isRefunded: boolean
  /** True when the payment provider refused a refund. */
  readonly isRefundOwed: boolean
  /** True when goods left and their payment was refused. */
  readonly isPaymentOwed: boolean
}

type Tone = 'WAITING' | 'ACTIVE' | 'DONE' | 'PROBLEM'
export type Stage =
  | 'APPROVAL'
  | 'PLACED'
  | 'CONFIRMED'
  | 'PARTLY_ON_ITS_WAY'
  | 'ON_ITS_WAY'
  | 'PARTLY_DELIVERED'
  | 'DELIVERED'
  | 'RETURNED'
  | 'LOST'
  | 'CANCELLED'
export type Remark =
  | 'PARTLY_LOST'
  | 'REST_CANCELLED'
  | 'PARTLY_RETURNED'
  | 'REFUNDED'
  | 'REFUND_OWED'
  | 'PAYMENT_OWED'

/** How far the order has come, and what else happened to it, in the order in which it is shown. */
export type OrderProgress = {
  readonly stage: Stage
  readonly remarks: readonly Remark[]
  readonly tone: Tone
}

type Condition = (facts: OrderFacts) => boolean
type StageRow = readonly [stage: Stage, tone: Tone, condition: Condition]

/** The first row that applies counts; the last one always applies. */
const STAGES: readonly StageRow[] = [
  ['CANCELLED', 'PROBLEM', ({ status }) => status === 'CANCELLED'],
  ['APPROVAL', 'WAITING', ({ status, awaitingApproval }) => status === 'PLACED' && awaitingApproval],
  ['PLACED', 'WAITING', ({ status }) => status === 'PLACED'],
  ['LOST', 'PROBLEM', ({ coming, delivered }) => coming === 0 && delivered === 0],
  ['RETURNED', 'DONE', ({ coming, delivered, returned }) => coming === 0 && returned === delivered],
  ['DELIVERED', 'DONE', ({ delivered, ordered }) => delivered === ordered],
  ['PARTLY_DELIVERED', 'DONE', ({ coming }) => coming === 0],
  ['PARTLY_DELIVERED', 'ACTIVE', ({ delivered }) => delivered > 0],
  ['ON_ITS_WAY', 'ACTIVE', ({ underWay, ordered }) => underWay === ordered],
  ['PARTLY_ON_ITS_WAY', 'ACTIVE', ({ underWay }) => underWay > 0],
  ['CONFIRMED', 'ACTIVE', () => true],
]

type RemarkRow = readonly [remark: Remark, tone: Tone | undefined, condition: Condition]

/** Every row that applies becomes a remark; the first with a tone replaces the stage's tone. */
const REMARKS: readonly RemarkRow[] = [
  ['PARTLY_LOST', 'PROBLEM', ({ lost, delivered, coming }) => lost > 0 && delivered + coming > 0],
  ['REST_CANCELLED', undefined, isCutShort],
  ['PARTLY_RETURNED', undefined, ({ returned, delivered }) => returned > 0 && returned < delivered],
  ['REFUNDED', undefined, ({ isRefunded }) => isRefunded],
  ['REFUND_OWED', 'PROBLEM', ({ isRefundOwed }) => isRefundOwed],
  ['PAYMENT_OWED', 'PROBLEM', ({ isPaymentOwed }) => isPaymentOwed],
]

/** Returns whether the order ended before all of it was sent. */
function isCutShort({ status, coming, delivered, lost, ordered }: OrderFacts): boolean {
  return status !== 'CANCELLED' && coming === 0 && delivered + lost < ordered
}

export function orderProgress(facts: OrderFacts): OrderProgress {
  const [stage, tone] = STAGES.find(([, , condition]) => condition(facts)) ?? ['CONFIRMED', 'ACTIVE']
  const applying = REMARKS.filter(([, , condition]) => condition(facts))
  const [alarm] = applying.flatMap(([, remarkTone]) => remarkTone ?? [])
  return { stage, remarks: applying.map(([remark]) => remark), tone: alarm ?? tone }
}

type OrderParts = Pick<OrderPartsFragment, 'status' | 'awaitingApproval' | 'lines' | 'refunded' | 'debts'>
type Count = Exclude<keyof OrderPartsFragment['lines'][number], 'title' | 'sku' | 'lineNo'>

const ENDED: ReadonlySet<OrderStatus> = new Set(['COMPLETED', 'CANCELLED', 'RETURNED'])

export function factsOf({ status, awaitingApproval, lines, refunded, debts }: OrderParts): OrderFacts {
  const units = (count: Count) => lines.reduce((sum, line) => sum + line[count], 0)
  const isOwedBy = (debtor: 'CUSTOMER' | 'SHOP') =>
    debts.some(({ owedBy, resolution }) => owedBy === debtor && !resolution)
  const [ordered, delivered, lost] = [units('quantity'), units('deliveredQuantity'), units('lostQuantity')]
  const hasEnded = ENDED.has(status)
  return {
    status,
    awaitingApproval,
    ordered,
    delivered,
    lost,
    returned: units('returnedQuantity'),
    underWay: hasEnded ? 0 : units('shippedQuantity') - delivered - lost,
    coming: hasEnded ? 0 : ordered - delivered - lost,
    isRefunded: Number(refunded.amount) > 0,
    isRefundOwed: isOwedBy('SHOP'),
    isPaymentOwed: isOwedBy('CUSTOMER'),
  }
}
