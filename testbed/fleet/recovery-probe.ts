// Measures how long a fleet takes to recover: until a new order is answered, and until it is completed.
import { setTimeout as delay } from 'node:timers/promises'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'
import type { Fleet } from './fleet.ts'

/** Milliseconds from the call. */
export type Recovery = {
  /** Until a checkout that began after the call was answered. */
  readonly answeredMs: number
  /** Until it was paid, shipped, delivered and completed, and the web BFF showed it. */
  readonly completedMs: number
}

export type RecoveryProbe = { recover(): Promise<Recovery> }

const SKU = 'probe'
const PATIENCE_MS = 180_000
const LOOK_MS = 100
const STATUS = 'query($id: ID!) { order(id: $id) { status } }'

/** Creates a customer and a product of its own. Waits for services that still discover each other. */
export async function createRecoveryProbe(fleet: Fleet): Promise<RecoveryProbe> {
  await until(() =>
    addProduct(fleet, { sku: SKU, price: '3.00', stock: { 'BER-1': 100_000 } }).then(
      () => true,
      () => false,
    ),
  )
  const { token } = await until(() => registerShopper(fleet, 'Probe').catch(() => undefined)) // polled again
  let count = 0

  async function place(): Promise<string | undefined> {
    count += 1
    const input = checkoutInput({
      idempotencyKey: `probe-${count}`,
      sku: SKU,
      deliveryInstructions: 'SANDBOX_FAST',
      settleWithinMs: 0,
    })
    const reply = await fleet
      .send<CheckoutResponse>('bff-web', token, CHECKOUT, { input })
      .catch(() => undefined) // polled again
    return reply?.data?.checkout?.order?.id
  }

  async function isComplete(id: string): Promise<boolean> {
    const reply = await fleet
      .send<{ order: { status: string } | null }>('bff-web', token, STATUS, { id })
      .catch(() => undefined) // polled again
    return reply?.data?.order?.status === 'COMPLETED'
  }

  return {
    async recover() {
      const began = performance.now()
      const id = await until(place)
      const answeredMs = performance.now() - began
      await until(() => isComplete(id))
      return { answeredMs, completedMs: performance.now() - began }
    },
  }
}

/** Polls until the result is neither false nor undefined. */
async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  const late = AbortSignal.timeout(PATIENCE_MS)
  for (;;) {
    const found = await look()
    if (found) return found
    late.throwIfAborted()
    await delay(LOOK_MS)
  }
}
