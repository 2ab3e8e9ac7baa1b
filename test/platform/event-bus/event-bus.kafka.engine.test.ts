import { afterAll, beforeAll } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RunningEngine } from '#test/engines/engine.ts'
import { kafka } from '#test/engines/kafka.ts'
import { eventBusContract } from '#test/platform/event-bus/event-bus.contract.ts'

let engine: RunningEngine
beforeAll(async () => {
  await kafka.obtain()
  const found = kafka.find()
  if (!found) throw new Error('there is no Kafka')
  engine = await found.start()
})
afterAll(() => engine[Symbol.asyncDispose]())

eventBusContract('Kafka', () => openEventBus(`${engine.url}contract`))
