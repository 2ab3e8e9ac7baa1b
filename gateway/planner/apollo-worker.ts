// Apollo's planner in a process of its own: it plans some operations of which Hive's makes nothing. Free of requests.
import internals from '@apollo/federation-internals'
import planners from '@apollo/query-planner'
import { parse } from 'graphql'
import { convertApolloPlan } from '#gateway/planner/apollo-plan.ts'
import { rolloutShare, servePlanner } from '#gateway/planner/planner-worker.ts'

const PERCENTAGE = /percent\((\d+(?:\.\d+)?)\)/g

servePlanner(sdl => {
  // What specifications the gateway serves is checked before, and not again here.
  const supergraph = internals.Supergraph.build(sdl, {
    supportedFeatures: internals.ROUTER_SUPPORTED_SUPERGRAPH_FEATURES,
    validateSupergraph: false,
  })
  const planner = new planners.QueryPlanner(supergraph)
  const publicSchema = supergraph.apiSchema()
  const labels = new Map([...sdl.matchAll(PERCENTAGE)].map(([label, percent]) => [label, Number(percent)]))
  return {
    plan(text, operationName) {
      const asked = operationName === undefined ? {} : { operationName }
      const operation = internals.operationFromDocument(publicSchema, parse(text), asked)
      const share = rolloutShare(text)
      const overrideConditions = new Map([...labels].map(([label, percent]) => [label, share < percent]))
      const { node } = planner.buildQueryPlan(operation, { overrideConditions })
      return node && convertApolloPlan(node)
    },
  }
})
