// The mobile graph's resolvers, put together from their parts. Free of logic.
import { mutations } from '#bff-mobile/commands.ts'
import { type DateResolvers, dates } from '#bff-mobile/dates.ts'
import { type Feed, subscriptions } from '#bff-mobile/live.ts'
import { queries } from '#bff-mobile/queries.ts'
import type { Pages } from '#platform/bff/pages.ts'
import type {
  MutationResolvers,
  QueryResolvers,
  SubscriptionResolvers,
} from '#schema/generated/bff-mobile.ts'

export type MobileResolvers = DateResolvers & {
  readonly Query: QueryResolvers
  readonly Mutation: MutationResolvers
  readonly Subscription: SubscriptionResolvers
}

export function createResolvers(pages: Pages, feed: Feed): MobileResolvers {
  return {
    ...dates,
    Query: queries(pages),
    Mutation: mutations(pages),
    Subscription: subscriptions(pages, feed),
  }
}
