/** Signing in by the token that the dashboard was started with, and out again. */
import type { Context, Hono } from 'hono';

import { isSame, nameIn, newId, type Access } from './access';
import type { Html } from './html';
import { signInPage } from './page';
import { fieldIn, keep, kept, ownPath, type Env } from './request';

export function signInRoutes(app: Hono<Env>, access: Access): void {
  if (!access.takesToken) return;
  const form = (c: Context<Env>, next: string, problem?: string): Html => {
    const id = newId();
    keep(c, 'form', id);
    return signInPage(c.get('frame'), access.csrfOf(`form:${id}`), next, problem);
  };
  app.get('/sign-in', (c) => {
    const next = ownPath(c.req.query('next'));
    return c.get('viewer').user === undefined ? c.html(form(c, next)) : c.redirect(next, 303);
  });
  app.post('/sign-in', async (c) => {
    const sent = await c.req.parseBody();
    const next = ownPath(fieldIn(sent, 'next'));
    const expected = access.csrfOf(`form:${kept(c, 'form')}`);
    if (!isSame(fieldIn(sent, 'csrf'), expected))
      return c.html(form(c, next, 'The form was too old. Try again.'), 403);
    const name = nameIn(fieldIn(sent, 'name'));
    if (name === undefined) return c.html(form(c, next, 'Say who you are, in at most 100 characters.'), 422);
    const result = access.signIn(fieldIn(sent, 'token').trim(), name);
    if (result === 'later') return c.html(form(c, next, 'Too many attempts. Try again in a minute.'), 429);
    if (result === 'refused') return c.html(form(c, next, 'That is not the token.'), 403);
    keep(c, 'session', result.session);
    return c.redirect(next, 303);
  });
  app.post('/sign-out', async (c) => {
    const sent = await c.req.parseBody();
    if (isSame(fieldIn(sent, 'csrf'), c.get('viewer').csrf)) access.signOut(kept(c, 'session'));
    return c.redirect('/', 303);
  });
}
