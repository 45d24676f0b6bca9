#include "retrieval/vector/index.h"
#include "retrieval/vector/index_flush.h"
#include "retrieval/vector/index_merge.h"
#include "retrieval/vector/index_publish.h"

err index_compact(struct index *ix, bool all)
{
    if (ix->options.is_read_only) return ERR_DENIED;
    err e = index_flush(ix);
    if (e && e != ERR_LIMIT) return e;
    TRY(all ? index_merge_all(ix) : index_merge_due(ix));
    if (e) TRY(index_flush(ix)); // there were too many segments for one more
    return index_publish(ix);    // once more: the manifest before it needs the old segments no more
}
