# Unsubscribing by a link, as far as it needs no database: what is shown, and to
# which methods.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;

use Digest::SHA 'hmac_sha256';
use MIME::Base64 'encode_base64url';

our $key = $ENV{KEY} = '0123456789abcdef' x 4;


# The path for a mail, as who sends it signs it.

sub path {
    my ($kind) = @_;

    my $text = "\x01" . 'sixteen bytes id';

    return "/t/$kind/" . encode_base64url(substr(hmac_sha256($kind . $text, $::key), 0, 16) . $text);
}


add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    leadgen_database "hostaddr=127.0.0.1 port=1";
    leadgen_spool \$TEST_NGINX_SPOOL size=4m;
EOC
    $block->set_value(config => 'location /t/ { leadgen_track env:KEY; }');
});

run_tests();

__DATA__

=== TEST 1: the page
--- request eval
['GET ' . ::path('u'), 'HEAD ' . ::path('u')]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/<form method="post">.*<button name="List-Unsubscribe" value="One-Click">/s, qr/^$/]
--- response_headers eval
[(<<'EOC') x 2]
Content-Type: text/html; charset=utf-8
Cache-Control: no-store
Referrer-Policy: no-referrer
Content-Security-Policy: default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'
EOC



=== TEST 2: one click
--- request eval
['POST ' . ::path('u') . "\nList-Unsubscribe=One-Click", 'POST ' . ::path('u')]
--- error_code eval
[200, 200]
--- response_body_like eval
[qr/You are unsubscribed/, qr/You are unsubscribed/]



=== TEST 3: nothing else
--- request eval
['DELETE ' . ::path('u'), 'POST ' . ::path('c'), 'POST ' . ::path('u') . 'A', 'GET ' . ::path('x')]
--- error_code eval
[405, 405, 404, 404]
--- response_headers eval
['Allow: GET, HEAD, POST', 'Allow: GET, HEAD', '!Allow', '!Allow']
