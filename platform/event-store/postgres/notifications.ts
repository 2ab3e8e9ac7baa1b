// The event store's wake-ups: of new events, and of a consumer's lease or dead letters. Free of how they travel.

import type { Sessions } from '#platform/event-store/postgres/sessions.ts'
import {
  openNotifications as openWakeupsOn,
  type Notifications as WakeupsOf,
} from '#platform/postgres/notifications.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

/** What a wake-up is about. */
export type Topic = 'events' | `consumer ${string}`
export type Wakeups = WakeupsOf<Topic>

export function openWakeups({ url, soft }: Sessions, logger: StoreLogger | undefined): Wakeups {
  return openWakeupsOn({ url, channel: 'waybill_event_store', run: soft, logger })
}
