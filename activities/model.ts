import type { Model } from './conversation';
import { scriptedModel } from './scripted-model';

export interface ChosenModel {
  /** For people: which model it is. */
  name: string;
  scripted: boolean;
  /** Loads the model's SDK only when it is needed: it takes half a second. */
  load(): Promise<Model>;
}

/** A real model where the environment holds an API key for one, else the scripted one. */
export function modelFromEnvironment(env: NodeJS.ProcessEnv = process.env): ChosenModel {
  if (env['OPENAI_API_KEY']) {
    const id = env['DEMO_MODEL'] ?? 'gpt-5-mini';
    return { name: `openai ${id}`, scripted: false, load: () => loadOpenAi(id) };
  }
  if (env['ANTHROPIC_API_KEY']) {
    const id = env['DEMO_MODEL'] ?? 'claude-haiku-4-5';
    return { name: `anthropic ${id}`, scripted: false, load: () => loadAnthropic(id) };
  }
  return { name: 'scripted', scripted: true, load: () => Promise.resolve(scriptedModel()) };
}

async function loadOpenAi(id: string): Promise<Model> {
  const [{ openai }, { aiModel }] = await Promise.all([import('@ai-sdk/openai'), import('./ai-model.js')]);
  return aiModel(openai(id));
}

async function loadAnthropic(id: string): Promise<Model> {
  const [{ anthropic }, { aiModel }] = await Promise.all([
    import('@ai-sdk/anthropic'),
    import('./ai-model.js'),
  ]);
  return aiModel(anthropic(id));
}
