// Appends events, publishes them softly, and prints the positions that are on the bus, in a process that a test kills.
import { openEventBus } from '#platform/event-bus/open.ts'
import { startPublisher } from '#platform/event-bus/publisher.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'

const [storeUrl = '', busUrl = ''] = process.argv.slice(2)
const store = await openPostgresEventStore({ url: storeUrl })
const bus = await openEventBus(busUrl)
const behind = await store.consume({ name: 'views', handle: async () => {} })
await startPublisher({ store, bus, topic: 'orders', behind, soft: true })
await bus.tail(['orders'], async messages => {
  for (const { position } of messages) console.log(position)
})
for (let version = 0; ; version++) {
  const events = [{ type: 'Noted', data: {} }]
  await store
    .append({ writes: [{ stream: 'order-1', expected: version, events }] })
    .catch(() => new Promise(() => {})) // the server was killed, and this process will be
}
