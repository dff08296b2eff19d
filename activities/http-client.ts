/** The provider answered, but not with success. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    path: string,
  ) {
    super(`${path} answered ${status} ${code}`);
    this.name = 'HttpError';
  }
}

export interface HttpClientOptions {
  baseUrl: string;
  /** Sent as the user agent, as every well-behaved client does. */
  userAgent: string;
  timeoutMs?: number;
}

/** JSON over HTTP, one attempt per call: repeating is the workflow's business. */
export class HttpClient {
  constructor(private readonly options: HttpClientOptions) {}

  async post<T>(path: string, body: unknown): Promise<T> {
    return this.send<T>(path, { method: 'POST', body: JSON.stringify(body) });
  }

  async get<T>(path: string, query: Record<string, string> = {}): Promise<T> {
    return this.send<T>(`${path}?${new URLSearchParams(query).toString()}`, { method: 'GET' });
  }

  private async send<T>(path: string, init: RequestInit): Promise<T> {
    const response = await fetch(new URL(path, this.options.baseUrl), {
      ...init,
      headers: { 'content-type': 'application/json', 'user-agent': this.options.userAgent },
      signal: AbortSignal.timeout(this.options.timeoutMs ?? 3_500),
    });
    const body = (await response.json()) as T & { error?: { code?: string } };
    if (!response.ok) {
      throw new HttpError(response.status, body.error?.code ?? 'error', path);
    }
    return body;
  }
}
