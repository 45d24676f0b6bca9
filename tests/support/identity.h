// identity: keys and certificates made while a test runs.
//
// An identity is an EC key and its certificate, in memory and as PEM files in a folder of the
// test's. A header alone, for the tests of those floors that link OpenSSL.
#pragma once

#include "support/test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char certificate_file[80];
    char key_file[80];
};

struct identity_options {
    const char *name;    // the common name, and of the files
    struct identity *by; // who signs; NULL: an authority that signs itself
    const char *names;   // as openssl.cnf writes them: "DNS:model.example,IP:127.0.0.1"
    long seconds_left;   // of validity, below zero for an expired one
};

static inline void identity_extend(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    CHECK(extension);
    CHECK(X509_add_ext(x, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static inline void identity_save(struct identity *i, const char *folder, const char *name)
{
    snprintf(i->certificate_file, sizeof(i->certificate_file), "%s/%s.crt", folder, name);
    snprintf(i->key_file, sizeof(i->key_file), "%s/%s.key", folder, name);
    FILE *f = fopen(i->certificate_file, "w");
    CHECK(f && PEM_write_X509(f, i->certificate) == 1);
    fclose(f);
    f = fopen(i->key_file, "w");
    CHECK(f && PEM_write_PrivateKey(f, i->key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
}

static inline void identity_make(struct identity *i, const char *folder,
                                 const struct identity_options *o)
{
    static long serial;
    X509 *x = X509_new();

    i->key = EVP_EC_gen("P-256");
    i->certificate = x;
    CHECK(x && i->key);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -7200);
    X509_gmtime_adj(X509_getm_notAfter(x), o->seconds_left);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)o->name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(o->by ? o->by->certificate : x));
    X509_set_pubkey(x, i->key);
    if (o->by) {
        identity_extend(x, NID_subject_alt_name, o->names);
    } else {
        identity_extend(x, NID_basic_constraints, "critical,CA:TRUE");
    }
    CHECK(X509_sign(x, o->by ? o->by->key : i->key, EVP_sha256()) > 0);
    identity_save(i, folder, o->name);
}

static inline void identity_forget(struct identity *i)
{
    (void)unlink(i->certificate_file);
    (void)unlink(i->key_file);
    X509_free(i->certificate);
    EVP_PKEY_free(i->key);
}
