"""The clinical codes of the synthetic records, one a line: use | SNOMED CT | Read (v2, CTV3 or local) | term | low | high | unit.

Ids of real concepts stand beside made-up ones; every one has a right check digit. Terms are ours, for reading only.
Each opt-out and each restricted code is given in one code system at a time, so that a rule which forgets a system is
found out; 9Nu0.00 is Read v2 with its term id. Codes that begin EMISNQ or ^ESCT are practices' own.
"""

CONCEPTS = """
problem|38341003||Hypertension
problem|44054006||Type 2 diabetes mellitus
problem|46635009||Type 1 diabetes mellitus
problem|195967001||Asthma
problem|13645005||Chronic obstructive lung disease
problem|35489007||Depressive disorder
problem|197480006||Anxiety disorder
problem|49436004||Atrial fibrillation
problem|84114007||Heart failure
problem|22298006||Myocardial infarction
problem|230690007||Stroke
problem|709044004||Chronic kidney disease
problem|396275006||Osteoarthritis
problem|69896004||Rheumatoid arthritis
problem|40930008||Hypothyroidism
problem|84757009||Epilepsy
problem|52448006||Dementia
problem|254837009||Breast cancer
problem|9014002||Psoriasis
problem|43116000||Eczema
problem|235595009||Gastro-oesophageal reflux disease
problem|37796009||Migraine
problem|271737000||Anaemia
problem|414916001||Obesity
problem|58214004||Schizophrenia
problem|13746004||Bipolar disorder
problem|240589008||Chlamydial infection
observation|25064002||Headache
observation|49727002||Cough
observation|267036007||Breathlessness
observation|29857009||Chest pain
observation|21522001||Abdominal pain
observation|84229001||Tiredness
observation|386661006||Fever
observation|404640003||Dizziness
observation|161891005||Backache
observation|162397003||Sore throat
observation|422587007||Nausea
observation|62315008||Diarrhoea
observation|271807003||Rash
observation|193462001||Insomnia
observation|80313002||Palpitations
observation|77176002||Smoker
observation|8517006||Ex-smoker
observation|266919005||Never smoked
value|271649006||Systolic blood pressure|105|155|mmHg
value|271650006||Diastolic blood pressure|60|95|mmHg
value|27113001||Body weight|48|110|kg
value|50373000||Body height|148|192|cm
value|60621009||Body mass index|18|36|kg/m2
value|78564009||Pulse rate|55|100|bpm
value|386725007||Body temperature|36|38.5|degC
value|431314004||Oxygen saturation|92|100|%
value|160573003||Alcohol intake|0|40|units/week
investigation|999791000000106||Haemoglobin A1c|32|75|mmol/mol
investigation|1000731000000107||Serum creatinine|50|130|umol/L
investigation|1020291000000106||Glomerular filtration rate|40|95|mL/min/1.73m2
investigation|1022431000000105||Haemoglobin|105|170|g/L
investigation|1022541000000102||White cell count|3.5|12|10*9/L
investigation|1022651000000100||Platelet count|140|420|10*9/L
investigation|1005671000000105||Serum cholesterol|3|7.5|mmol/L
investigation|1005681000000107||HDL cholesterol|0.9|2.4|mmol/L
investigation|1000661000000107||Serum sodium|132|146|mmol/L
investigation|1000651000000109||Serum potassium|3.4|5.4|mmol/L
investigation|1018251000000107||Alanine aminotransferase|8|70|U/L
investigation|1022791000000101||Thyroid stimulating hormone|0.3|6|mU/L
investigation|993381000000106||Serum ferritin|15|300|ug/L
investigation|999651000000107||C reactive protein|1|40|mg/L
investigation|1000821000000103||Serum albumin|32|50|g/L
investigation|1022511000000103||Erythrocyte sedimentation rate|2|40|mm/h
test_request|26604007||Full blood count
family_history|160303001||Family history of diabetes
family_history|160377001||Family history of asthma
family_history|297242006||Family history of heart disease
annotation|185317003||Telephone encounter
annotation|314530002||Medication review done
document|371531000||Report of encounter
referral|3457005||Patient referral
referral|306206005||Referral to service
referral|306253008||Referral to doctor
immunisation|86198006||Influenza vaccination
immunisation|38598009||MMR vaccination
immunisation|12866006||Pneumococcal vaccination
immunisation|1324681000000101||First COVID-19 vaccination
immunisation|1324691000000104||Second COVID-19 vaccination
allergy|91936005||Allergy to penicillin
allergy|91935009||Allergy to peanut
allergy|300916003||Latex allergy
allergy|418689008||Grass pollen allergy
ethnicity|494131000000105||Ethnicity A
ethnicity|92391000000108||Ethnicity B
ethnicity|92491000000104||Ethnicity C
ethnicity|92501000000105||Ethnicity D
ethnicity|92461000000105||Ethnicity E
sexual_orientation|20430005||Heterosexual
sexual_orientation|38628009||Homosexual
sexual_orientation|42035005||Bisexual
recall|394700004||Asthma annual review
recall|170777000||Annual review
recall|308335008||Patient encounter procedure
consultation|185317003||Telephone encounter
consultation|439740005||Follow-up encounter
consultation|11429006||Consultation
observation||EMISNQBL27|Local: blood bottle out of stock
observation||^ESCTSO819023|Local: social prescriber seen
consultation||EMISNQSU12|Local: surgery consultation
dissent|827241000000103||Dissent from secondary use
dissent||9Nu0.|Dissent from secondary use
dissent||XaZ89|Dissent from secondary use (mapped)
dissent||9Nu0.00|Dissent from secondary use (old)
withdrawal|827261000000102||Dissent withdrawn
withdrawal||9Nu1.|Dissent withdrawn
withdrawal||XaZ8A|Dissent withdrawn (mapped)
type_two|881561000000100||Type 2 dissent
type_two||9Nu4.|Type 2 dissent
type_two||XaaVL|Type 2 dissent (mapped)
restricted|63487001||Assisted fertilisation
restricted|225250007||Intracytoplasmic sperm injection
restricted|9990001000000101||Made-up concept one
restricted||7E0A.|Introduction of gamete
restricted||Xa9Z0|Made-up concept in CTV3
restricted|9990011000000104||Made-up concept two
dissent_spelt_otherwise||9Nu00|Dissent from secondary use (a code below it)
dissent_spelt_otherwise||9Nu0.11|Dissent from secondary use (another term)
dissent_spelt_otherwise||XaZ8900|Dissent from secondary use (mapped, with a term id)
withdrawal_spelt_otherwise||9Nu1.00|Dissent withdrawn (old)
withdrawal_spelt_otherwise||9Nu1.11|Dissent withdrawn (another term)
withdrawal_spelt_otherwise||XaZ8A00|Dissent withdrawn (mapped, with a term id)
"""
