/** The routes of tenants and API keys. */
import type { Limits } from '../../../core/limits.js';
import * as schemas from '../../../wire/schemas/keys.js';
import * as views from '../../../wire/views/key-view.js';
import { type Route, routesOf } from '../../http/route.js';
import type { Control } from '../control.js';
import type { Directory } from '../directory.js';
import { KeyRoutes } from '../key-routes.js';
import { TenantRoutes } from '../tenant-routes.js';

export interface TenantTableParts {
  limits: Limits;
  control: Control;
  directory: Directory;
}

export function tenantTable({ limits, control, directory }: TenantTableParts): Route[] {
  const keys = new KeyRoutes(directory);
  const tenants = new TenantRoutes(directory, control);
  return [...ofTenants(limits, tenants), ...ofKeys(limits, keys), ...ofOneKey(keys)];
}

function ofTenants(limits: Limits, tenants: TenantRoutes): Route[] {
  const errors = ['not_found'] as const;
  const operated = routesOf({ scope: 'operate', errors });
  const one = routesOf({ scope: 'operate', params: schemas.TENANT_PATH, errors });
  return [
    operated('GET /api/tenants', 'Lists the tenants, by name.', {
      query: schemas.tenantPage(limits),
      answer: { 200: schemas.TENANT_LIST },
      handle: async ({ query }) => views.tenantPageView(await tenants.list(query), query.limit),
    }),
    operated('POST /api/tenants', 'Creates a tenant.', {
      audit: 'tenant.create',
      body: schemas.NEW_TENANT,
      answer: { 201: schemas.TENANT },
      errors: ['tenant_exists', 'tenant_limit'],
      handle: async ({ body, note }) => {
        note?.isAbout(body.name, body.name);
        return views.tenantView(await tenants.create(body));
      },
    }),
    one('PATCH /api/tenants/:name', 'Changes the quotas of a tenant, on all nodes.', {
      audit: 'tenant.change',
      body: schemas.TENANT_PATCH,
      answer: { 200: schemas.TENANT },
      errors: ['tenant_not_found'],
      handle: async ({ params, body, note }) => {
        note?.isAbout(params.name, params.name);
        return views.tenantView(await tenants.patch(params.name, body));
      },
    }),
    one('DELETE /api/tenants/:name', 'Deletes a tenant that has no topics, with its keys.', {
      audit: 'tenant.delete',
      answer: { 204: null },
      errors: ['tenant_not_found', 'tenant_in_use'],
      handle: ({ params, note }) => {
        note?.isAbout(params.name, params.name);
        return tenants.delete(params.name);
      },
    }),
  ];
}

function ofKeys(limits: Limits, keys: KeyRoutes): Route[] {
  const errors = ['not_found', 'tenant_not_found'] as const;
  const managed = routesOf({ scope: 'manage or operate', errors });
  return [
    managed('GET /api/keys', 'Lists the API keys that the asking one covers, by id.', {
      query: schemas.keyPage(limits),
      answer: { 200: schemas.KEY_LIST },
      handle: async ({ principal, query }) => views.keyPageView(await keys.list(principal, query)),
    }),
    managed('POST /api/keys', 'Makes an API key, and shows it, once.', {
      audit: 'key.create',
      body: schemas.newKey(limits),
      answer: { 201: schemas.SHOWN_KEY },
      errors: ['key_limit'],
      handle: async (asked) => views.shownKeyView(await keys.create(asked, asked.body)),
    }),
  ];
}

function ofOneKey(keys: KeyRoutes): Route[] {
  const errors = ['not_found', 'key_not_found'] as const;
  const one = routesOf({ scope: 'manage or operate', params: schemas.KEY_PATH, errors });
  return [
    one('DELETE /api/keys/:id', 'Revokes an API key, and closes what it has open.', {
      audit: 'key.delete',
      answer: { 204: null },
      handle: (asked) => keys.delete(asked),
    }),
    one('POST /api/keys/:id/rotate', 'Makes another key of the same right; the old one ends.', {
      audit: 'key.rotate',
      body: schemas.ROTATION,
      answer: { 201: schemas.SHOWN_KEY },
      errors: ['key_limit'],
      handle: async (asked) => views.shownKeyView(await keys.rotate(asked, asked.body)),
    }),
  ];
}
