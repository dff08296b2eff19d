/** The noisy tenant in a process of its own. */
import { readConfig, serve } from '../child';
import { flood, poolOf, storeOn, type Tenant } from './noise';

const tenant = readConfig<Tenant>();
let end = (): Promise<number> => Promise.resolve(0);

serve(
  {
    start: ({ max }: { readonly max: number }) => {
      const pool = poolOf(tenant, max);
      const ended = flood(storeOn(pool, tenant));
      end = async () => {
        const effects = await ended();
        await pool.end();
        return effects;
      };
    },
    end: () => end(),
  },
  () => undefined,
);
