
/*
 * Upgrades: the old hash of a user and the password that fits go in, a new
 * hash of it goes to PostgreSQL.  The request that brought them may be over:
 * what can't be done now is done at the next login.
 */


#include "ngx_leadgen_ctx.h"


/* Lifetime: two calls of the worker, one after the other; the texts follow. */

typedef struct {
    size_t                     size;        /* with the texts */
    ngx_str_t                  user_id;
    ngx_str_t                  hash;
    ngx_str_t                  password;
    ngx_str_t                  made;
} ngx_leadgen_upgrade_t;


static void ngx_leadgen_upgrade_hashed(ngx_leadgen_call_t *call);
static void ngx_leadgen_upgrade_stored(ngx_leadgen_call_t *call);
static u_char *ngx_leadgen_upgrade_copy(u_char *p, ngx_str_t *dst,
    const ngx_str_t *src);
static void ngx_leadgen_upgrade_free(ngx_leadgen_upgrade_t *upgrade);


static const char  ngx_leadgen_upgrade_sql[] =
    "select api.password_upgrade($1::bigint, $2, $3)";


void
ngx_leadgen_upgrade(const ngx_str_t *user_id, const ngx_str_t *hash,
    const ngx_str_t *password)
{
    u_char                 *p;
    size_t                  size;
    ngx_leadgen_call_t     *call;
    ngx_leadgen_upgrade_t  *upgrade;

    if (!ngx_leadgen_password_is_old(hash)) {
        return;
    }

    size = sizeof(ngx_leadgen_upgrade_t) + user_id->len + hash->len
           + password->len;

    upgrade = ngx_calloc(size, ngx_cycle->log);
    if (upgrade == NULL) {
        return;
    }

    upgrade->size = size;
    p = (u_char *) (upgrade + 1);
    p = ngx_leadgen_upgrade_copy(p, &upgrade->user_id, user_id);
    p = ngx_leadgen_upgrade_copy(p, &upgrade->hash, hash);
    (void) ngx_leadgen_upgrade_copy(p, &upgrade->password, password);

    call = ngx_leadgen_call_create(NULL, 1);
    if (call == NULL) {
        ngx_leadgen_upgrade_free(upgrade);
        return;
    }

    call->work = ngx_leadgen_password_hash;
    call->args[0] = upgrade->password;
    call->data = upgrade;
    call->done = ngx_leadgen_upgrade_hashed;

    if (ngx_leadgen_call_submit(ngx_leadgen_worker.hashing, call, 0)
        != NGX_OK)
    {
        ngx_leadgen_call_cancel(call);
        ngx_leadgen_upgrade_free(upgrade);
    }
}


static void
ngx_leadgen_upgrade_hashed(ngx_leadgen_call_t *call)
{
    ngx_str_t               made;
    ngx_leadgen_call_t     *store;
    ngx_leadgen_upgrade_t  *upgrade;

    upgrade = call->data;

    if (call->result != NGX_LEADGEN_CALL_OK) {
        goto failed;
    }

    made = call->values[0];

    upgrade->made.data = ngx_alloc(made.len, ngx_cycle->log);
    if (upgrade->made.data == NULL) {
        goto failed;
    }

    upgrade->made.len = made.len;
    ngx_memcpy(upgrade->made.data, made.data, made.len);

    store = ngx_leadgen_call_create(NULL, 3);
    if (store == NULL) {
        goto failed;
    }

    store->statement = ngx_leadgen_upgrade_sql;
    store->args[0] = upgrade->user_id;
    store->args[1] = upgrade->hash;
    store->args[2] = upgrade->made;
    store->data = upgrade;
    store->done = ngx_leadgen_upgrade_stored;

    if (ngx_leadgen_call_submit(ngx_leadgen_worker.database, store, 0)
        == NGX_OK)
    {
        return;
    }

    ngx_leadgen_call_cancel(store);

failed:

    ngx_leadgen_upgrade_free(upgrade);
}


static void
ngx_leadgen_upgrade_stored(ngx_leadgen_call_t *call)
{
    ngx_leadgen_upgrade_t  *upgrade;

    upgrade = call->data;

    if (call->result == NGX_LEADGEN_CALL_REFUSED) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "leadgen: upgrade: could not store the new hash of user "
                      "%V: %V", &upgrade->user_id, &call->error);
    }

    ngx_leadgen_upgrade_free(upgrade);
}


static u_char *
ngx_leadgen_upgrade_copy(u_char *p, ngx_str_t *dst, const ngx_str_t *src)
{
    dst->data = p;
    dst->len = src->len;

    return ngx_cpymem(p, src->data, src->len);
}


static void
ngx_leadgen_upgrade_free(ngx_leadgen_upgrade_t *upgrade)
{
    if (upgrade->made.data) {
        ngx_free(upgrade->made.data);
    }

    ngx_explicit_memzero(upgrade, upgrade->size);
    ngx_free(upgrade);
}
