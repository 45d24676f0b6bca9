#include "retrieval/vector/index.h"
#include "retrieval/vector/index_flush.h"
#include "retrieval/vector/index_merge.h"
#include "retrieval/vector/index_publish.h"

err index_compact(struct index *ix, bool all)
{
    if (ix->options.is_read_only) return ERR_DENIED;
    TRY(index_flush(ix));
    TRY(all ? index_merge_all(ix) : index_merge_due(ix));
    return index_publish(ix); // once more: the manifest before it needs the old segments no more
}
