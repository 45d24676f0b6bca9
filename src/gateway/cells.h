// cells: the cells of one gateway, found by provider, model and key.
//
// They outlive settings: a reload that names the same way keeps its health, and another key is
// another way. What stands on the process's board is the same for all workers; each has its own
// cell of it and hears from the others when one opens or closes. The board is bounded, so a name
// that a client made up may find no room: such names share one cell that never opens.
// Belongs to its gateway's loop, but for the board.
#pragma once

#include "gateway/cell.h"

enum { CELLS_MAX = 512 };

struct cells {
    struct route_board *board; // the process's
    size_t worker;             // whose figures are ours
    struct cell **by_index;    // CELLS_MAX, as the board counts them
    struct cell other;         // of what the board has no room for
};

// `board` outlives the cells and has CELLS_MAX entries at most.
void cells_init(struct cells *cells, struct route_board *board, size_t worker, msec now);
void cells_done(struct cells *cells);

// Never NULL. A new one has the options `o`; one that is there keeps its own.
struct cell *cells_find(struct cells *cells, const struct cell_options *o, msec now, str provider,
                        str model, str key);

// The cell of an entry of the board; NULL where this gateway has not used it.
struct cell *cells_at(struct cells *cells, size_t index);

// Posts what the cell has to tell the other workers; false where that is nothing.
bool cells_tell(struct cells *cells, struct cell *c);
// What an event in an entry's mailbox holds.
size_t cells_news_worker(uint32_t event);
struct cell_news cells_news(uint32_t event);

// Publishes the figures of all.
void cells_publish(struct cells *cells);
