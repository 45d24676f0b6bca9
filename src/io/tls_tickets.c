// Design: the one mutex of TLS. Keys change under loops that shake hands, and both of them matter
// to each: a message to every loop would leave a while in which one does not know what another
// sealed. It is held for a copy of a hundred bytes, once or twice in a handshake that costs a
// thousand times as much, and never while anything else is.
#include "io/tls_tickets.h"

#include "base/memory.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 16, SECRET_BYTES = 32, KEYS = 2 };

// What OpenSSL wants to hear of a ticket.
enum verdict {
    TICKET_FAILED = -1,
    TICKET_UNKNOWN = 0,
    TICKET_GOOD = 1,
    TICKET_AGED = 2, // good, and to be replaced
};

struct key {
    unsigned char name[NAME_BYTES];
    unsigned char cipher[SECRET_BYTES];
    unsigned char mac[SECRET_BYTES];
};

struct tls_tickets {
    pthread_mutex_t mutex;
    struct key keys[KEYS]; // the newest first
};

static void make_key(struct key *k)
{
    // Without randomness there is no TLS.
    if (RAND_bytes((unsigned char *)k, sizeof(*k)) != 1) abort();
}

struct tls_tickets *tls_tickets_new(void)
{
    struct tls_tickets *t = memory_new(struct tls_tickets);

    pthread_mutex_init(&t->mutex, NULL);
    for (int i = 0; i < KEYS; i++) {
        make_key(&t->keys[i]);
    }
    return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (!t) return;
    OPENSSL_cleanse(t->keys, sizeof(t->keys));
    pthread_mutex_destroy(&t->mutex);
    memory_free(t);
}

void tls_tickets_rotate(struct tls_tickets *t)
{
    struct key made;

    make_key(&made);
    pthread_mutex_lock(&t->mutex);
    t->keys[1] = t->keys[0];
    t->keys[0] = made;
    pthread_mutex_unlock(&t->mutex);
    OPENSSL_cleanse(&made, sizeof(made));
}

static void copy_keys(struct tls_tickets *t, struct key out[KEYS])
{
    pthread_mutex_lock(&t->mutex);
    memcpy(out, t->keys, sizeof(t->keys));
    pthread_mutex_unlock(&t->mutex);
}

static bool set_mac(EVP_MAC_CTX *mac, struct key *k)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, SECRET_BYTES),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static enum verdict seal(struct key *k, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
                         EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return TICKET_FAILED;
    if (EVP_EncryptInit_ex(c, EVP_aes_256_cbc(), NULL, k->cipher, iv) != 1) return TICKET_FAILED;
    memcpy(name, k->name, NAME_BYTES);
    return set_mac(mac, k) ? TICKET_GOOD : TICKET_FAILED;
}

static enum verdict unseal(struct key keys[KEYS], const unsigned char *name, unsigned char *iv,
                           EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
    int i = 0;

    while (i < KEYS && memcmp(keys[i].name, name, NAME_BYTES) != 0) {
        i++;
    }
    if (i == KEYS) return TICKET_UNKNOWN;
    if (EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, keys[i].cipher, iv) != 1 ||
        !set_mac(mac, &keys[i]))
        return TICKET_FAILED;
    return i == 0 ? TICKET_GOOD : TICKET_AGED;
}

// SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
                     EVP_MAC_CTX *mac, int is_sealing)
{
    struct tls_tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct key keys[KEYS];

    copy_keys(t, keys);
    enum verdict verdict =
        is_sealing ? seal(&keys[0], name, iv, c, mac) : unseal(keys, name, iv, c, mac);
    OPENSSL_cleanse(keys, sizeof(keys));
    return verdict;
}

void tls_tickets_serve(struct tls_tickets *t, SSL_CTX *ctx)
{
    SSL_CTX_set_app_data(ctx, t);
    if (SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1) abort();
}
