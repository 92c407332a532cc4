
/*
 * Digests and seals of the audit log's chain, beside what others compute.
 *
 * sources: src/event/ngx_leadgen_chain.c
 * libraries: -lcrypto
 */


#include "unit.h"
#include "ngx_leadgen_event.h"


#define ID      "018f3c5e-1b2a-7c3d-8e4f-5a6b7c8d9e0f"
#define DIGEST  "ba7816bf8f01cfea414140de5dae2223"                            \
                "b00361a396177a9cb410ff61f20015ad"
#define FIRST   "2900a6377ac4a5c3c984f53f5e5405ff"                            \
                "2edfbb645cb22858cf9c314394dd57c3"
#define LAST    "eab5099e87daed228fc4f58b95908fc2"                            \
                "64c4139fab8c917059973cbe39745c5b"


static u_char  key[NGX_LEADGEN_CHAIN_KEY];


static ngx_leadgen_chain_part_t
part_of(const char *previous, uint64_t sequence, const char *id,
    const char *digest)
{
    ngx_leadgen_chain_part_t  part;

    part.previous.data = (u_char *) previous;
    part.previous.len = ngx_strlen(previous);
    part.sequence = sequence;
    part.id.data = (u_char *) id;
    part.id.len = ngx_strlen(id);
    part.digest.data = (u_char *) digest;
    part.digest.len = ngx_strlen(digest);

    return part;
}


static void
test_digest(void)
{
    ngx_str_t  canon = ngx_string("abc");
    u_char     digest[NGX_LEADGEN_CHAIN_TEXT];

    is_int(ngx_leadgen_chain_digest(&canon, digest), NGX_OK, "a digest");
    is_mem(digest, DIGEST, NGX_LEADGEN_CHAIN_TEXT, "as FIPS 180 has it");
}


/* printf TEXT | openssl dgst -sha256 -mac HMAC -macopt hexkey:0001...1f */

static void
test_seal(void)
{
    u_char                    mac[NGX_LEADGEN_CHAIN_TEXT];
    ngx_leadgen_chain_part_t  part;

    part = part_of("", 1, ID, DIGEST);
    is_int(ngx_leadgen_chain_seal(key, &part, mac), NGX_OK, "the first");
    is_mem(mac, FIRST, NGX_LEADGEN_CHAIN_TEXT, "as openssl computes it");

    part = part_of(FIRST, 18446744073709551615U, ID, DIGEST);
    is_int(ngx_leadgen_chain_seal(key, &part, mac), NGX_OK, "the last");
    is_mem(mac, LAST, NGX_LEADGEN_CHAIN_TEXT, "as openssl computes it");
}


/* Each bit of each part, and of the key, makes another seal. */

static void
test_every_bit(void)
{
    u_char                    mac[NGX_LEADGEN_CHAIN_TEXT], *text[3], *byte;
    u_char                    other[NGX_LEADGEN_CHAIN_TEXT];
    ngx_uint_t                i, bit, same;
    ngx_leadgen_chain_part_t  part;

    text[0] = (u_char *) strdup(FIRST);
    text[1] = (u_char *) strdup(ID);
    text[2] = (u_char *) strdup(DIGEST);
    part = part_of((char *) text[0], 2, (char *) text[1], (char *) text[2]);
    (void) ngx_leadgen_chain_seal(key, &part, mac);
    same = 0;

    for (i = 0; i < 3; i++) {
        for (byte = text[i]; *byte; byte++) {
            for (bit = 1; bit < 0x80; bit <<= 1) {
                *byte ^= bit;

                if (*byte) {
                    (void) ngx_leadgen_chain_seal(key, &part, other);
                    same += !ngx_memcmp(mac, other, sizeof(mac));
                }

                *byte ^= bit;
            }
        }

        is_int(same, 0, "another text of part %d", (int) i);
    }

    for (i = 0; i < 64; i++) {
        part.sequence ^= (uint64_t) 1 << i;
        (void) ngx_leadgen_chain_seal(key, &part, other);
        same += !ngx_memcmp(mac, other, sizeof(mac));
        part.sequence ^= (uint64_t) 1 << i;
    }

    is_int(same, 0, "another sequence");

    for (i = 0; i < 8 * sizeof(key); i++) {
        key[i / 8] ^= 1 << i % 8;
        (void) ngx_leadgen_chain_seal(key, &part, other);
        same += !ngx_memcmp(mac, other, sizeof(mac));
        key[i / 8] ^= 1 << i % 8;
    }

    is_int(same, 0, "another key");

    for (i = 0; i < 3; i++) {
        free(text[i]);
    }
}


/* What came from the database and is not as it must be: no seal of a part. */

static void
test_lengths(void)
{
    u_char                    mac[NGX_LEADGEN_CHAIN_TEXT];
    ngx_uint_t                i;
    ngx_leadgen_chain_part_t  parts[] = {
        part_of(FIRST "0", 1, ID, DIGEST), part_of(FIRST, 1, "", DIGEST),
        part_of(FIRST, 1, ID "0", DIGEST), part_of(FIRST, 1, ID, ""),
        part_of(FIRST, 1, ID, DIGEST "0")
    };

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        is_int(ngx_leadgen_chain_seal(key, &parts[i], mac), NGX_ERROR,
               "no seal of a part of another length, %d", (int) i);
    }
}


int
main(void)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(key); i++) {
        key[i] = i;
    }

    test_digest();
    test_seal();
    test_every_bit();
    test_lengths();

    return unit_done();
}
