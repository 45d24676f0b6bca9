// index_background: the threads that flush and merge while others write and search.
#pragma once

#include "retrieval/vector/index_state.h"

// One thread each. ERR_LIMIT.
err index_background_start(struct index *ix);
// Waits for what is under way, which ends soon. Does nothing where none was started.
void index_background_stop(struct index *ix);
