-- What waits for a person is found without reading all receipts; that it changes seldom keeps settling updates HOT. Writers
-- wait while it is built: where there are very many receipts, build it beforehand, concurrently and under this name.
create index if not exists receipts_contested on :SCHEMA.receipts (namespace) where contested;
