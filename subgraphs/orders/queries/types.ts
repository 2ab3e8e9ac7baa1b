// Resolves the object types of orders: computed fields, and entities by reference.
import { mayActFor } from '#platform/auth/viewer.ts'
import { type Money, toDecimal } from '#platform/domain/money.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { CustomerOrdersArgs } from '#schema/generated/orders.ts'
import type { RegisteredCustomer } from '#subgraphs/orders/domain/customer.ts'
import type { Debt } from '#subgraphs/orders/domain/events.ts'
import {
  type OrderLine,
  type OrderReturn,
  type PlacedOrder,
  refundedSoFar,
} from '#subgraphs/orders/domain/order.ts'
import { returnable } from '#subgraphs/orders/domain/returns.ts'
import {
  loadCustomer,
  loadOrder,
  type QueryDependencies,
  visibleOrder,
} from '#subgraphs/orders/queries/loaders.ts'
import { findOrders } from '#subgraphs/orders/queries/queries.ts'

type Reference = { readonly id: string }
/** The customer of an order: the profile as it is now, and as it was ordered with should it not be there yet. */
type CustomerOfOrder = Reference & { readonly asOrdered: PlacedOrder['customer'] }

export function createTypes(dependencies: QueryDependencies) {
  async function profile(customer: RegisteredCustomer | CustomerOfOrder, context: RequestContext) {
    if (!('asOrdered' in customer)) return customer
    return (await loadCustomer(dependencies, context, customer.id)) ?? customer.asOrdered
  }

  return {
    Order: {
      __resolveReference: async ({ id }: Reference, context: RequestContext) =>
        context.viewer ? visibleOrder(await loadOrder(dependencies, context, id), context.viewer) : null,
      customer: ({ customer }: PlacedOrder): CustomerOfOrder => ({ id: customer.id, asOrdered: customer }),
      deliveryInstructions: ({ instructions }: PlacedOrder) => instructions ?? null,
      allowedActions,
      refunded: refundedSoFar,
    },
    OrderLine: {
      product: ({ sku }: OrderLine) => ({ sku }),
      shippedQuantity: (line: OrderLine) => line.shipped,
      deliveredQuantity: (line: OrderLine) => line.delivered,
      lostQuantity: (line: OrderLine) => line.lost,
      returnedQuantity: (line: OrderLine) => line.returned,
      total: ({ unitPrice, quantity }: OrderLine): Money => ({
        ...unitPrice,
        minor: unitPrice.minor * quantity,
      }),
    },
    Debt: { id: ({ debtId }: Debt) => debtId },
    Return: { id: ({ returnId }: OrderReturn) => returnId },
    Customer: {
      __resolveReference: async ({ id }: Reference, context: RequestContext) =>
        mayActFor(context.viewer, id) ? loadCustomer(dependencies, context, id) : null,
      name: async (customer: RegisteredCustomer | CustomerOfOrder, _: unknown, context: RequestContext) =>
        (await profile(customer, context)).name,
      email: async (customer: RegisteredCustomer | CustomerOfOrder, _: unknown, context: RequestContext) =>
        (await profile(customer, context)).email,
      orders: ({ id }: Reference, args: CustomerOrdersArgs) =>
        findOrders(dependencies, [{ path: 'customer.id', equals: id }], args),
    },
    Money: { amount: (money: Money) => toDecimal(money) },
  }
}

function allowedActions(order: PlacedOrder): ('CANCEL' | 'REQUEST_RETURN')[] {
  switch (order.status) {
    case 'PLACED':
    case 'CONFIRMED':
      return order.cancellationRequested ? [] : ['CANCEL']
    case 'DELIVERED':
    case 'COMPLETED':
      return [...returnable(order).values()].some(units => units > 0) ? ['REQUEST_RETURN'] : []
    case 'PARTIALLY_SHIPPED':
    case 'SHIPPED':
    case 'CANCELLED':
    case 'RETURNED':
      return []
  }
}
