// Resolves the fields that are days: formats an instant in the time zone that the field's argument names.
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { headlineText } from '#bff-mobile/views/order-view.ts'
import type { Resolvers } from '#schema/generated/bff-mobile.ts'

/** Every resolver throws CallerError BAD_USER_INPUT for an unknown time zone. */
export const dates: Pick<Resolvers, 'OrderCard' | 'OrderScreen' | 'Parcel'> = {
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
