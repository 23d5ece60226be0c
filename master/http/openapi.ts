/** The OpenAPI 3.1 document, made from the routes and their schemas. PURE. */
import * as z from 'zod';
import { apiErrorSchema } from '../../shared/api.js';
import type { Route } from './route.js';

export function openapiOf(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Orca', version },
    servers: [{ url: '/api/v1' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: jsonSchema(apiErrorSchema) },
    },
  };
}

function operationOf(route: Route): object {
  const pathParameters = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const error = { description: 'Refused or failed', content: json({ $ref: '#/components/schemas/Error' }) };
  const reply = route.reply ? { content: json(jsonSchema(route.reply)) } : {};
  return {
    summary: route.summary,
    parameters: [...pathParameters, ...queryParameters(route.query)],
    ...(route.body ? { requestBody: { content: json(jsonSchema(route.body)) } } : {}),
    responses: { '200': { description: 'Done', ...reply }, default: error },
    ...(route.touches.what === 'open' ? { security: [] } : {}),
  };
}

function queryParameters(query: z.ZodType | null): object[] {
  const properties = query
    ? ((jsonSchema(query) as { properties?: Record<string, object> }).properties ?? {})
    : {};
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

const json = (schema: object): object => ({ 'application/json': { schema } });

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
