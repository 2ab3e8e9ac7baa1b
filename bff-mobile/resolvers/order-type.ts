// The resolvers of the type Order and of what is in it. A section comes with the order when the client's operation was
// looked through for it; it is read later in live changes, results of commands, and deferred fragments.
import { lineId } from '#bff/graph/node-ids.ts'
import { createSections } from '#bff/graph/sections.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { loadOrder } from '#bff-mobile/resolvers/order-reads.ts'
import { stateOf } from '#bff-mobile/resolvers/order-state.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import {
  type DETAIL_FIELDS,
  type LINE_DETAIL_FIELDS,
  type LineSource,
  type LoadedOrder,
  NO_SECTIONS,
  type OrderData,
  type SectionName,
} from '#bff-mobile/views/order-source.ts'
import { expectedAt, headlineOf, paidOf, statusOf, titleOf, toneOf } from '#bff-mobile/views/order-view.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OrderSection, Resolvers } from '#schema/generated/bff-mobile.ts'

type Types = Required<Resolvers>

const sections = createSections<OrderSection>()

type LoadSection = (order: OrderData, name: SectionName, context: RequestContext) => Promise<LoadedOrder>

/**
 * Returns the resolvers of orders and of what is in them. Days throw CallerError BAD_USER_INPUT for an unknown time zone.
 */
export function orderTypes(
  pages: Pages,
): Pick<Types, 'Order' | 'OrderLine' | 'Cancellation' | 'Shipment' | 'Return'> {
  const load = createSectionLoader(pages)
  return {
    Order: orderFields(load),
    OrderLine: lineFields(load),
    Cancellation: {
      text: ({ reason }, _args, context) => localizationOf(context).translations.cancelled[reason],
      day: ({ at }, { timeZone }, context) => localizationOf(context).date(at, timeZone),
    },
    Shipment: {
      statusText: ({ status }, _args, context) => localizationOf(context).translations.shipment[status],
      latest: ({ tracking }) => tracking.at(-1) ?? null,
      expectedAt: shipment => expectedAt(shipment),
      expected(shipment, { timeZone }, context) {
        const instant = expectedAt(shipment)
        return instant === null ? null : localizationOf(context).date(instant, timeZone)
      },
    },
    Return: {
      statusText: ({ status }, _args, context) => localizationOf(context).translations.return[status],
      requested: ({ requestedAt }, { timeZone }, context) =>
        localizationOf(context).date(requestedAt, timeZone),
    },
  }
}

function orderFields(load: LoadSection): Types['Order'] {
  const detail = detailResolver(load)
  const shipments = sectionReader(load, 'shipments')
  const payments = sectionReader(load, 'payments')
  return {
    title: (order, _args, context) => titleOf(order, localizationOf(context)),
    statusText: (order, _args, context) => statusOf(order, localizationOf(context)),
    tone: order => toneOf(order),
    async headline(order, { timeZone }, context) {
      const parcels = order.cancellation ? [] : await shipments(order, context)
      return headlineOf(order, parcels ?? [], { localization: localizationOf(context), timeZone })
    },
    lines: order => order.lines.map(line => ({ ...line, order })),
    itemsTotal: detail('itemsTotal'),
    shippingFee: detail('shippingFee'),
    adjustments: detail('adjustments'),
    async paid(order, _args, context) {
      const found = await payments(order, context)
      return found && paidOf(found, order.total)
    },
    deliveryAddress: detail('deliveryAddress'),
    deliveryInstructions: detail('deliveryInstructions'),
    shippingOption: detail('shippingOption'),
    placed: ({ placedAt }, { timeZone }, context) => localizationOf(context).date(placedAt, timeZone),
    allowedActions: detail('allowedActions'),
    shipments: (order, _args, context) => shipments(order, context),
    returns: detail('returns'),
    async notices(order, _args, context) {
      const { translations } = localizationOf(context)
      return (await sections.notices(order, context)).map(({ section, code }) => ({
        section,
        code,
        message: translations.notice[section],
      }))
    },
  }
}

/** Returns a function that reads a section of an order once, whatever number of fields need it. */
function createSectionLoader(pages: Pages): LoadSection {
  return (order, name, context) => {
    const { loads } = stateOf(context, order)
    const running = loads.get(name)
    if (running) return running
    const wanted = { ...NO_SECTIONS, [name]: true }
    const loading = loadOrder(pages, order.id, { sections: wanted, context }).then(loaded => loaded ?? gone())
    loads.set(name, loading)
    return loading
  }
}

function gone(): never {
  throw new CallerError('UNAVAILABLE', 'the order cannot be shown at the moment')
}

type DetailField = (typeof DETAIL_FIELDS)[number]

function detailResolver(load: LoadSection) {
  return <Field extends DetailField>(field: Field) =>
    async (order: OrderData, _args: unknown, context: RequestContext) =>
      fieldOf(order[field] === undefined ? (await load(order, 'details', context)).order : order, field)
}

function fieldOf<Data, Field extends keyof Data>(data: Data, field: Field): Exclude<Data[Field], undefined> {
  const value = data[field]
  return isRead(value) ? value : gone()
}

function isRead<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined
}

const SECTIONS = { payments: 'PAYMENTS', shipments: 'SHIPMENTS' } as const

/** Returns a function that returns null for a section that cannot be loaded, which the order's notices tell. */
function sectionReader<Name extends keyof typeof SECTIONS>(load: LoadSection, name: Name) {
  return async (order: OrderData, context: RequestContext) =>
    order[name] ??
    section(order, SECTIONS[name], {
      context,
      async read(): Promise<NonNullable<OrderData[Name]> | null> {
        const loaded = order[name] === null ? asLoaded(order, context) : await load(order, name, context)
        const failure = loaded.failures.get(SECTIONS[name])
        if (failure) throw failure
        return loaded.order[name] ?? null
      },
    })
}

function asLoaded(order: OrderData, context: RequestContext): LoadedOrder {
  return { order, failures: stateOf(context, order).failures }
}

type Section<Value> = { readonly context: RequestContext; readonly read: () => Promise<Value> }

/** The message of the notice is translated where it is shown. */
function section<Value>(order: OrderData, name: OrderSection, { context, read }: Section<Value>) {
  return sections.read(order, context, { section: name, message: '', read })
}

type LineDetailField = (typeof LINE_DETAIL_FIELDS)[number]

function lineFields(load: LoadSection): Types['OrderLine'] {
  const detail =
    <Field extends LineDetailField>(field: Field) =>
    async (line: LineSource, _args: unknown, context: RequestContext) =>
      fieldOf(
        line[field] === undefined ? lineIn(await load(line.order, 'details', context), line) : line,
        field,
      )
  return {
    id: ({ order, lineNo }) => lineId(order.id, lineNo),
    unitPrice: detail('unitPrice'),
    total: detail('total'),
    product: async (line, _args, context) =>
      line.product ??
      section(line.order, 'PRODUCTS', { context, read: () => readProduct(load, line, context) }),
  }
}

function lineIn({ order }: LoadedOrder, { lineNo }: LineSource): OrderData['lines'][number] {
  return order.lines.find(line => line.lineNo === lineNo) ?? gone()
}

/** Returns null for a product that is no longer in the catalogue. */
async function readProduct(load: LoadSection, line: LineSource, context: RequestContext) {
  const { order } = line
  const loaded = line.product === null ? asLoaded(order, context) : await load(order, 'products', context)
  const { product } = lineIn(loaded, line)
  const failure = loaded.failures.get('PRODUCTS')
  if (!product && failure) throw failure
  return product ?? null
}
