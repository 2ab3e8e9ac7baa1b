// Owns a consumer in a process that a test kills: prints `owner`, then `handled <position>` per event.
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'

const [, , url = '', name = ''] = process.argv
const store = await openPostgresEventStore({ url })
await store.consume({
  name,
  async onOwner() {
    console.log('owner')
  },
  async handle(events) {
    for (const { position } of events) console.log(`handled ${position}`)
  },
})
