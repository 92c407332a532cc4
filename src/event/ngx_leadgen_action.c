
/*
 * Actions: the table, and a name's place in it.
 */


#include "ngx_leadgen_event.h"


#define NGX_LEADGEN_ACTION_BUSINESS  1
#define NGX_LEADGEN_ACTION_ACCESS    0
#define NGX_LEADGEN_ACTION_JOBS      1
#define NGX_LEADGEN_ACTION_TRACKING  0


const ngx_leadgen_action_t  ngx_leadgen_actions[NGX_LEADGEN_NACTIONS] = {
#define ACTION(id, name, scope, resource, text)                               \
    { ngx_string(name), NGX_LEADGEN_ACTION_##scope, ngx_string(resource) },
#include "tables/actions.def"
#undef ACTION
};


ngx_int_t
ngx_leadgen_action_find(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_LEADGEN_NACTIONS; i++) {
        if (name->len == ngx_leadgen_actions[i].name.len
            && ngx_memcmp(name->data, ngx_leadgen_actions[i].name.data,
                          name->len)
               == 0)
        {
            return i;
        }
    }

    return NGX_ERROR;
}
