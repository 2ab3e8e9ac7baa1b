// The fields that are days: an instant of the screens, in the time zone that the field is asked for. Free of I/O.

import { localizationOf } from '#bff-mobile/views/localization.ts'
import { headlineText } from '#bff-mobile/views/order-view.ts'
import type {
  OrderCardResolvers,
  OrderScreenResolvers,
  ParcelResolvers,
} from '#schema/generated/bff-mobile.ts'

export type DateResolvers = {
  readonly OrderCard: OrderCardResolvers
  readonly OrderScreen: OrderScreenResolvers
  readonly Parcel: ParcelResolvers
}

/** Each throws CallerError BAD_USER_INPUT for a time zone that is none. */
export const dates: DateResolvers = {
  OrderCard: {
    placed: ({ placedAt }, { timeZone }, context) => localizationOf(context).date(placedAt, timeZone),
  },
  OrderScreen: {
    placed: ({ placedAt }, { timeZone }, context) => localizationOf(context).date(placedAt, timeZone),
    headline: ({ headline }, { timeZone }, context) =>
      headlineText(headline, localizationOf(context), timeZone),
  },
  Parcel: {
    expected: ({ expectedAt }, { timeZone }, context) =>
      expectedAt == null ? null : localizationOf(context).date(expectedAt, timeZone),
  },
}
