// Design: the library is loaded when it is first wanted. Linked, it would start a thread a
// processor before main(), in every command; and signals that main() then blocks, to wait for them
// in its loop, would go to these threads and end the process. Loaded here, they inherit a mask that
// blocks all, and are told not to work.
#include "retrieval/vector/gemm_blas.h"

#ifdef SLUICE_OPENBLAS
#include <assert.h>
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { ROW_MAJOR = 101, AS_IT_IS = 111, TRANSPOSED = 112 }; // as in cblas.h

static struct library {
    void (*sgemm)(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                  const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
    void (*set_threads)(int count);
} gemm_blas_library;

// The address of a function, which C has no other way to make of one of data.
static bool find(void *library, const char *name, void *function)
{
    void *address = dlsym(library, name);

    memcpy(function, &address, sizeof(address));
    return address;
}

static void load(void)
{
    struct library found;
    sigset_t all;
    sigset_t old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); // inherited by its threads
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library && find(library, "cblas_sgemm", &found.sgemm) &&
        find(library, "openblas_set_num_threads", &found.set_threads)) {
        found.set_threads(1); // more would fight with ours for the processors
        gemm_blas_library = found;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

bool gemm_blas_is_there(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load);
    return gemm_blas_library.sgemm;
}

bool gemm_blas(const struct gemm *g)
{
    int nq = (int)g->nq;
    int nr = (int)g->nr;
    int dim = (int)g->dim;

    assert(g->nq <= INT_MAX && g->nr <= INT_MAX && g->dim <= INT_MAX);
    if (!gemm_blas_is_there()) return false;
    gemm_blas_library.sgemm(ROW_MAJOR, AS_IT_IS, TRANSPOSED, nq, nr, dim, 1, g->queries, dim,
                            g->rows, dim, 0, g->out, nr);
    return true;
}
#else
bool gemm_blas_is_there(void)
{
    return false;
}

bool gemm_blas(const struct gemm *g)
{
    (void)g;
    return false;
}
#endif
