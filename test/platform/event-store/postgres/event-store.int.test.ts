import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { describeConsumers } from '#test/platform/event-store/consumers.contract.ts'
import { describeEventStore } from '#test/platform/event-store/event-store.contract.ts'
import type { Fixture } from '#test/platform/event-store/fixtures.ts'

async function fixture(): Promise<Fixture> {
  const url = await freshDatabase()
  const stores: EventStore[] = []
  return {
    async open(options) {
      const store = await openPostgresEventStore({ url, ...options })
      stores.push(store)
      return store
    },
    async close() {
      await Promise.all(stores.map(store => store[Symbol.asyncDispose]()))
    },
  }
}

describeEventStore('PostgreSQL', fixture)
describeConsumers('PostgreSQL', fixture)
