/** Where a page stands in its list, with the paths of its neighbours; filters are repeated in them. */
export function pageMetaOf(url: string, page: { readonly limit: number; readonly offset: number }, total: number) {
  const { limit, offset } = page;
  return {
    limit,
    next: offset + limit < total ? pathAt(url, limit, offset + limit) : null,
    offset,
    previous: offset > 0 ? pathAt(url, limit, Math.max(0, offset - limit)) : null,
    total_count: total,
  };
}

function pathAt(url: string, limit: number, offset: number): string {
  const [path, query] = url.split('?', 2);
  const params = new URLSearchParams(query);
  params.set('limit', String(limit));
  params.set('offset', String(offset));
  return `${path}?${params}`;
}
