// The resolvers of the type Order and of what is in it. A section comes with the order when the client's operation was
// looked through for it; it is read later in live changes, results of commands, and deferred fragments.

import { lineId } from '#bff/graph/node-ids.ts'
import { stateByParent } from '#bff/graph/operation-state.ts'
import { eventType } from '#bff/graph/order-events.ts'
import { createSections } from '#bff/graph/sections.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { orderPage } from '#bff-web/resolvers/order-pages.ts'
import {
  type DETAIL_FIELDS,
  type Failures,
  failuresAt,
  type LINE_DETAIL_FIELDS,
  type LineSource,
  type LoadedOrder,
  NO_SECTIONS,
  type OrderData,
  type SectionName,
  type Sections,
} from '#bff-web/resolvers/order-view.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { OrderLineResolvers, OrderResolvers, OrderSection } from '#schema/generated/bff-web.ts'

const SECTIONS = {
  reservation: {
    section: 'RESERVATION',
    message: 'The stock held for the order cannot be shown at the moment.',
  },
  payments: { section: 'PAYMENTS', message: 'The payments cannot be shown at the moment.' },
  shipments: { section: 'SHIPMENTS', message: 'The shipments cannot be shown at the moment.' },
  products: {
    section: 'PRODUCTS',
    message: 'The products as they are now cannot be shown at the moment.',
  },
} as const

const sections = createSections<OrderSection>()

/** An operation knows of an order why sections are null that came with it, and those that are read later. */
type OrderState = { failures: Failures; readonly loads: Map<SectionName, Promise<LoadedOrder>> }
const stateOf = stateByParent<OrderState>(() => ({ failures: new Map(), loads: new Map() }))

/** Returns the order for the resolvers of its fields, and remembers why sections of it are null. */
export function shownOrder({ order, failures }: LoadedOrder, context: RequestContext): OrderData {
  if (failures.size > 0) stateOf(context, order).failures = failures
  return order
}

/** Reads an order with the given sections. Returns undefined when there is no such order; authorises nobody. */
export async function loadOrder(
  pages: Pages,
  { id, ...sections }: { readonly id: string } & Sections,
  context: RequestContext,
): Promise<LoadedOrder | undefined> {
  const { data, errors } = await pages.read(orderPage, { id, ...sections }, context)
  return data?.order ? { order: data.order, failures: failuresAt(errors, 'order') } : undefined
}

type LoadSection = (order: OrderData, name: SectionName, context: RequestContext) => Promise<LoadedOrder>

/** Returns a function that reads a section of an order once, whatever number of fields need it. */
function createSectionLoader(pages: Pages): LoadSection {
  return (order, name, context) => {
    const { loads } = stateOf(context, order)
    const running = loads.get(name)
    if (running) return running
    const loading = loadOrder(pages, { id: order.id, ...NO_SECTIONS, [name]: true }, context).then(
      loaded => loaded ?? gone(),
    )
    loads.set(name, loading)
    return loading
  }
}

function gone(): never {
  throw new CallerError('UNAVAILABLE', 'the order cannot be shown at the moment')
}

export function orderResolvers(pages: Pages): Required<Pick<OrderResolvers, OrderField>> {
  const load = createSectionLoader(pages)
  const detail = detailResolver(load)
  const section = sectionResolver(load)
  return {
    lines: order => order.lines.map(line => ({ ...line, order })),
    itemsTotal: detail('itemsTotal'),
    shippingFee: detail('shippingFee'),
    adjustments: detail('adjustments'),
    deliveryAddress: detail('deliveryAddress'),
    deliveryInstructions: detail('deliveryInstructions'),
    shippingOption: detail('shippingOption'),
    allowedActions: detail('allowedActions'),
    refunded: detail('refunded'),
    returns: detail('returns'),
    async timeline(order, _args, context) {
      const entries = await detail('timeline')(order, {}, context)
      return entries.map(entry => ({ ...entry, type: eventType(entry.type) }))
    },
    async debts(order, _args, context) {
      const debts = await detail('debts')(order, {}, context)
      return debts.map(({ id, ...debt }) => ({ ...debt, movementId: id }))
    },
    reservation: section('reservation'),
    payments: section('payments'),
    shipments: section('shipments'),
    notices: (order, _args, context) => sections.notices(order, context),
  }
}

type OrderField = DetailField | 'lines' | 'reservation' | 'payments' | 'shipments' | 'notices'
type DetailField = (typeof DETAIL_FIELDS)[number]
type Detail<Data, Field extends keyof Data> = Exclude<Data[Field], undefined>

function detailResolver(load: LoadSection) {
  return <Field extends DetailField>(field: Field) =>
    async (order: OrderData, _args: unknown, context: RequestContext) =>
      fieldOf(order[field] === undefined ? (await load(order, 'details', context)).order : order, field)
}

function fieldOf<Data, Field extends keyof Data>(data: Data, field: Field): Detail<Data, Field> {
  const value = data[field]
  return isRead(value) ? value : gone()
}

function isRead<Value>(value: Value): value is Exclude<Value, undefined> {
  return value !== undefined
}

function sectionResolver(load: LoadSection) {
  return <Name extends 'reservation' | 'payments' | 'shipments'>(name: Name) =>
    async (order: OrderData, _args: unknown, context: RequestContext) => {
      const { failures } = stateOf(context, order)
      const { section } = SECTIONS[name]
      if (order[name] != null && !failures.has(section)) return order[name]
      return sections.read(order, context, {
        ...SECTIONS[name],
        async read(): Promise<NonNullable<OrderData[Name]> | null> {
          const loaded = order[name] === undefined ? await load(order, name, context) : { order, failures }
          const failure = loaded.failures.get(section)
          if (failure) throw failure
          return loaded.order[name] ?? null
        },
      })
    }
}

export function lineResolvers(pages: Pages): Required<Pick<OrderLineResolvers, LineField>> {
  const load = createSectionLoader(pages)
  const detail =
    <Field extends LineDetailField>(field: Field) =>
    async (line: LineSource, _args: unknown, context: RequestContext) =>
      fieldOf(line[field] === undefined ? await lineWith(load, 'details', line, context) : line, field)
  return {
    id: ({ order, lineNo }) => lineId(order.id, lineNo),
    shippedQuantity: detail('shippedQuantity'),
    deliveredQuantity: detail('deliveredQuantity'),
    lostQuantity: detail('lostQuantity'),
    returnedQuantity: detail('returnedQuantity'),
    unitPrice: detail('unitPrice'),
    total: detail('total'),
    product: (line, _args, context) => productOf(load, line, context),
  }
}

type LineField = LineDetailField | 'id' | 'product'
type LineDetailField = (typeof LINE_DETAIL_FIELDS)[number]

async function lineWith(
  load: LoadSection,
  section: 'details' | 'products',
  { order, lineNo }: LineSource,
  context: RequestContext,
) {
  const loaded = await load(order, section, context)
  return loaded.order.lines.find(line => line.lineNo === lineNo) ?? gone()
}

async function productOf(load: LoadSection, line: LineSource, context: RequestContext) {
  if (line.product) return line.product
  const { order } = line
  return sections.read(order, context, {
    ...SECTIONS.products,
    async read() {
      const wasRead = line.product !== undefined
      const { failures } = wasRead ? stateOf(context, order) : await load(order, 'products', context)
      const product = wasRead ? null : (await lineWith(load, 'products', line, context)).product
      const failure = failures.get('PRODUCTS')
      if (!product && failure) throw failure
      return product ?? null
    },
  })
}
