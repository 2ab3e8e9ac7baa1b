// The mobile graph's resolvers, put together from their parts. Free of logic.

import type { Pages } from '#bff/pages/pages.ts'
import { type DateResolvers, dates } from '#bff-mobile/resolvers/dates.ts'
import { mutations } from '#bff-mobile/resolvers/mutations.ts'
import { queries } from '#bff-mobile/resolvers/queries.ts'
import { type Feed, subscriptions } from '#bff-mobile/resolvers/subscriptions.ts'
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
