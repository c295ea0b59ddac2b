// Portuguese; words.js names the lines.
export default `Olá! O que você gostaria de saber?
Faça uma pergunta…
Enviar
Parar
Fechar
Nova conversa
Mais
Apagar meus dados
Apagar tudo mesmo?
Privacidade
As respostas são de uma IA e podem estar erradas.
Sua pergunta:
Resposta:
Fontes
Copiar
Copiado
Boa resposta
Má resposta
Editar
Edite a pergunta. O que vem depois sairá.
Cancelar
Tentar de novo
Ir para o fim
Enviando…
Buscando no blog…
Pensando…
Continuando de onde parou…
Reconectando…
Você está offline. A resposta continua depois.
O resto desta resposta não existe mais.
Parado.
A resposta atingiu o tamanho máximo.
A resposta termina aqui: foi recusada.
Não foi possível terminar a resposta.
Não foi possível enviar sua pergunta.
Isso não chegou ao servidor. Tente de novo.
O servidor ainda tem seus dados. Apague-os de novo.`;
