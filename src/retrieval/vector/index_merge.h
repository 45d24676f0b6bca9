// index_merge: several segments to one, without their dead rows.
#pragma once

#include "retrieval/vector/index_state.h"

// Merges what is due: segments of like size, once there are four of them, and what is dead for a
// third. Goes on until nothing is.
err index_merge_due(struct index *ix);
// The same on the thread in the background: told of in the index's state, and ended when it closes.
err index_merge_background(struct index *ix);

// All segments to one without dead rows, or to none.
err index_merge_all(struct index *ix);
